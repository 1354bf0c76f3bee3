"""What a command says: results on standard output, words for people on standard error."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

from workers.configuration.environment import default_dotenv
from workers.configuration.settings import find_redactor

if TYPE_CHECKING:
    from collections.abc import Sequence

OK = 0
ERROR = 1
NOT_KNOWN = 3
INTERRUPTED = 130
FORMAT_VERSION = "1.0"
MIN_LAST = 20
GAP = "  "
_DAY, _HOUR, _MINUTE = 86400, 3600, 60


def error(words: str) -> None:
    """Say what went wrong."""
    tell(f"error: {words}")


def warn(words: str) -> None:
    """Say what is not as it should be, although the command goes on."""
    tell(f"warning: {words}")


def tell(words: str) -> None:
    """Say something to a person; a secret of the settings, which others' words may hold, is hidden."""
    sys.stdout.flush()
    print(plain(hide(words)), file=sys.stderr, flush=True)


def hide(text: str) -> str:
    """Give a text without the secrets of this process's settings."""
    return find_redactor(os.environ, default_dotenv()).redact_known(text)


def print_json(document: dict[str, Any]) -> None:
    """Print a result for programs."""
    print(json.dumps(document, indent=2))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns; on a terminal, the last column is cut where a line would break."""
    lines = [list(header), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in list(zip(*lines, strict=True))[:-1]]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - sum(widths) - len(GAP) * len(widths)
        lines = [[*cells[:-1], _cut(cells[-1], max(room, MIN_LAST))] for cells in lines]
    for *cells, last in lines:
        padded = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)]
        print(GAP.join([*padded, last]).rstrip())


def plain(text: str) -> str:
    """Give a text on one line and without control characters: what publishers wrote must not steer a terminal."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def age(seconds: float | None) -> str:
    """Give an age as people say it, to two units: `45s`, `3m`, `5h10m`, `2d4h`."""
    if seconds is None:
        return "?"
    total = int(seconds)
    days, hours, minutes = total // _DAY, total % _DAY // _HOUR, total % _HOUR // _MINUTE
    if days:
        return f"{days}d{hours}h" if hours else f"{days}d"
    if hours:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    return f"{minutes}m" if minutes else f"{total}s"


def ask(question: str) -> bool:
    """Ask a person, who must type `yes`; False where nobody is there to be asked."""
    if not sys.stdin.isatty():
        return False
    print(f"{plain(question)} Only 'yes' is accepted: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == "yes"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
