"""How text is dressed for one stream: colour, width, glyphs; and the laying out of lines."""

from __future__ import annotations

import os
import textwrap
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_CODES = {"green": "32", "yellow": "33", "red": "31", "cyan": "36", "bold": "1", "dim": "2"}
_ASCII = {
    "✓": "ok",
    "✗": "x ",
    "⚠": "(!)",
    "⠹": "..",
    "…": "...",
    "→": "->",
    "█": "#",
    "░": ".",
}
_WIDTH_WITHOUT_TERMINAL = 100
_NARROWEST = 40
_WIDEST = 120
"""Columns beyond which the eye no longer finds the line that a text at the right edge belongs to."""


@dataclass(frozen=True, slots=True)
class Style:
    """What the reader's stream can show: `width` in columns; `unicode` is False where it is not UTF-8."""

    colour: bool
    width: int
    unicode: bool

    @classmethod
    def of(cls, stream: IO[str], environ: Mapping[str, str]) -> Style:
        """Look at a stream: NO_COLOR beats FORCE_COLOR beats TERM=dumb beats being a terminal.

        NO_COLOR and FORCE_COLOR count where they are not empty (no-color.org); COLUMNS gives the width.
        """
        encoding = (getattr(stream, "encoding", None) or "").lower().replace("_", "-")
        return cls(
            colour=_is_coloured(stream, environ),
            width=_width(stream, environ),
            unicode=encoding in {"utf-8", "utf8", "utf-16", "utf-32"},
        )

    def paint(self, text: str, *colours: str) -> str:
        """Colour a text, or give it back as it is."""
        if not self.colour or not colours or not text:
            return text
        return f"\x1b[{';'.join(_CODES[colour] for colour in colours)}m{text}\x1b[0m"

    def glyph(self, character: str) -> str:
        """Give one of our own glyphs, or what stands for it in ASCII."""
        return character if self.unicode else _ASCII[character]

    def wrap(self, text: str, indent: str, hanging: str | None = None) -> list[str]:
        """Break a text between words at the width; a word that is too long stays whole, so that it can be copied."""
        rest = indent if hanging is None else hanging
        return textwrap.wrap(
            text,
            width=max(self.width, len(rest) + _NARROWEST // 2),
            initial_indent=indent,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [indent.rstrip()]

    def flow(self, items: Iterable[str], indent: str, between: str = "  |  ") -> list[str]:
        """Set items beside each other as far as they fit, and never break one that fits on a line of its own."""
        lines: list[str] = []
        line = ""
        for item in items:
            if line and len(indent) + len(line) + len(between) + len(item) > self.width:
                lines += self.wrap(line + between.rstrip(), indent)
                line = item
            else:
                line = f"{line}{between}{item}" if line else item
        return lines + self.wrap(line, indent)


def _is_coloured(stream: IO[str], environ: Mapping[str, str]) -> bool:
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "") not in {"", "0"}:
        return True
    return environ.get("TERM") != "dumb" and is_terminal(stream)


def is_terminal(stream: IO[str]) -> bool:
    """Tell a terminal from a file or a pipe; a closed stream is none."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _width(stream: IO[str], environ: Mapping[str, str]) -> int:
    columns = environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return max(int(columns), _NARROWEST)
    try:
        found = os.get_terminal_size(stream.fileno()).columns
    except (AttributeError, OSError, ValueError):
        found = 0
    # A terminal that was never told its size says 0, as under `docker run -t` and in some CI.
    return min(max(found, _NARROWEST), _WIDEST) if found else _WIDTH_WITHOUT_TERMINAL


def duration_text(seconds: float) -> str:
    """Print seconds as a person counts them: `0.06 s`, `11.4 s`, `2 min 12 s`, `1 h 3 min`."""
    if seconds < 0.095:  # noqa: PLR2004 - below it, one decimal would say 0.0 or 0.1
        return f"{max(seconds, 0.01):.2f} s"
    if seconds < 59.95:  # noqa: PLR2004 - above it, one decimal would say 60.0 s
        return f"{f'{seconds:.1f}'.removesuffix('.0')} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 - minutes in an hour
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def count_text(count: int, plural: str) -> str:
    """Print a number with its noun: `1 message`, `2 policies`."""
    singular = (
        f"{plural.removesuffix('ies')}y" if plural.endswith("ies") else plural.removesuffix("s")
    )
    return f"{count} {singular if count == 1 else plural}"


def list_text(items: Iterable[str]) -> str:
    """Join as a sentence does: `a`, `a and b`, `a, b and c`."""
    listed = list(items)
    if len(listed) < 2:  # noqa: PLR2004 - one item needs no `and`
        return "".join(listed)
    return f"{', '.join(listed[:-1])} and {listed[-1]}"
