"""The only place that prints. Results go to stdout, all else to stderr; with JSON, stdout holds JSON alone.

Every text passes one filter that takes known secrets out.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from typing import IO, TYPE_CHECKING, Any

from bizops.cli.options import Format, Output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bizops.errors import BizopsError
    from bizops.redaction import Redaction
    from bizops.render import Style
    from bizops.resource import Secret

_LONG = 0.8
"""Seconds after which a person wonders what it is doing."""


class UnwritableError(Exception):
    """What was to be printed cannot be, as on a full disk. `why` is "" where the reader is gone, which is no fault."""

    def __init__(self, error: OSError) -> None:
        self.why = (
            "" if isinstance(error, BrokenPipeError) else str(error.strerror or error).lower()
        )
        super().__init__(self.why)


class Filtered:
    """A stream whose texts pass the filter; everything else is the stream's own."""

    def __init__(self, stream: IO[str], console: Console) -> None:
        self._stream = stream
        self._console = console

    def write(self, text: str) -> int:
        """Write a text without the secrets in it."""
        return self._stream.write(self._console.redacted(text))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the stream's own
        return getattr(self._stream, name)


class Console:
    """Prints for one command. Which texts are secret it is told as soon as that is known."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.is_json = output.format is Format.JSON
        self._secrets: set[str | Secret] = set()
        self._names: set[str] = set()
        self._named: set[str] = set()
        self._redaction: Redaction | None = None
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, ValueError):
                stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]

    def style(self, stream: IO[str] | None = None) -> Style:
        """Give what stdout, or another stream, can show."""
        from bizops.render import Style  # noqa: PLC0415 - not needed by `version` and `--help`

        environ = {**os.environ, **({"NO_COLOR": "1"} if self.output.no_color else {})}
        return Style.of(stream or sys.stdout, environ)

    def style_of_errors(self) -> Style:
        """Give what stderr can show."""
        return self.style(sys.stderr)

    @property
    def is_drawn(self) -> bool:
        """Tell whether lines can be overwritten where people read."""
        return self.people.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    @property
    def people(self) -> IO[str]:
        """Give the stream that people read: stdout, or stderr where stdout is for programs."""
        return sys.stderr if self.is_json else sys.stdout

    def filtered(self, stream: IO[str]) -> IO[str]:
        """Give a stream whose texts pass the filter."""
        return Filtered(stream, self)  # type: ignore[return-value] # the rest is the stream's own

    def redacted(self, text: str) -> str:
        """Take known secrets out of a text."""
        return self._redaction.text(text) if self._redaction else text

    def know(
        self, secrets: Iterable[str | Secret], names: Iterable[str], named: Iterable[str] = ()
    ) -> None:
        """Hide these values from now on, but for where they are part of a name; those `named` there, too."""
        from bizops.redaction import Redaction  # noqa: PLC0415 - see above

        self._secrets.update(secrets)
        self._names.update(names)
        self._named.update(named)
        self._redaction = Redaction(self._secrets, self._names, self._named)

    def result(self, text: str) -> None:
        """Print what was asked for."""
        self._print(self.people, text)

    def plain(self, text: str) -> None:
        """Print a document that is text already, on stdout."""
        self._print(sys.stdout, text)

    def nothing(self, text: str) -> None:
        """Print nothing."""

    def progress(self, text: str) -> None:
        """Print what people may want to know meanwhile; nothing with --quiet."""
        if not self.output.quiet:
            self._print(self.people, text)

    def warning(self, text: str) -> None:
        """Print what is probably not meant; nothing with --quiet."""
        if self.output.quiet:
            return
        style = self.style(sys.stderr)
        self._print(sys.stderr, style.paint(f"{style.glyph('⚠')} {text}", "yellow"))

    def error_lines(self, text: str) -> None:
        """Print lines that are made already on stderr."""
        if text:
            self._print(sys.stderr, text)

    def error(self, error: BizopsError) -> None:
        """Print an error on stderr, and for programs as a document on stdout."""
        from bizops import render  # noqa: PLC0415 - see above

        self._print(sys.stderr, render.error_text(error, self.style(sys.stderr)))
        if self.is_json:
            self.document(render.error_json(error))

    def document(self, document: Any) -> None:  # noqa: ANN401 - whatever JSON has
        """Print one JSON document, on one line, on stdout."""
        if self._redaction:
            document = self._redaction.document(document)
        _write(sys.stdout, f"{json.dumps(document)}\n")

    @contextlib.contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Say on a terminal what takes so long, and take it away again; nothing where it is quick."""
        stream = sys.stderr
        if self.output.quiet or not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
            yield
            return
        timer = threading.Timer(_LONG, lambda: (stream.write(f"{text} ..."), stream.flush()))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            stream.write("\r\x1b[2K")
            stream.flush()

    def ask(self, question: str) -> str:
        """Ask on the stream that people read; gives what was typed without spaces around it, "" at the end of input."""
        _write(self.people, self.redacted(f"{question} "))
        typed = sys.stdin.readline()
        if not typed.endswith("\n"):
            self.people.write("\n")
        return typed.strip()

    def _print(self, stream: IO[str], text: str) -> None:
        _write(stream, f"{self.redacted(text)}\n")


def _write(stream: IO[str], text: str) -> None:
    """Write all of it now; raises UnwritableError."""
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        raise UnwritableError(error) from None
