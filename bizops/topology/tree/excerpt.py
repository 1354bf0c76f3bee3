"""The faulty line as people may see it: without its secrets, cut to a width, and where the marker stands."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from bizops.sensitive import HIDDEN
from bizops.topology.tree.nodes import lines_of
from bizops.topology.tree.sensitive_values import Secrets, blank, guessed, hidden_spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bizops.topology.tree.nodes import Mapping, Span

WIDTH = 120
"""Characters of a line that are shown; a longer one is cut around the marker."""


class Excerpt(NamedTuple):
    """A line as it may be shown, and where the marker stands beneath it, in columns of a terminal."""

    text: str
    start: int
    width: int


class Page:
    """The lines of one file, of which `trees` say what is secret.

    Without any, as the syntax is broken, that can only be guessed.
    """

    def __init__(
        self, text: str, trees: Sequence[Mapping], hidden: Iterable[Span], secrets: Secrets
    ) -> None:
        self._lines = lines_of(text)
        self._has_tree = bool(trees)
        self._listed = frozenset() if trees else guessed(text)
        self._secrets = secrets
        self._hidden: defaultdict[int, set[Span]] = defaultdict(set)
        for span in (*hidden, *hidden_spans(trees)):
            for line in range(span.line, span.end_line + 1):
                self._hidden[line].add(span)

    def excerpt(self, span: Span) -> Excerpt | None:
        """Give the line of a place with its marker; None where the place is the file as a whole."""
        if not 0 < span.line <= len(self._lines):
            return None
        text = self._lines[span.line - 1]
        start = min(span.column - 1, len(text))
        if not self._has_tree:
            text = blank(text, self._listed, cautious=self._is_in_connections(span.line))
            return self._cut(Excerpt(text, min(start, len(text)), 1))
        end = min(span.end_column - 1 if span.end_line == span.line else len(text), len(text))
        marked = Excerpt(text, start, max(1, end - start) if span.end_line else 1)
        return self._cut(_masked(marked, span.line, self._hidden[span.line]))

    def _is_in_connections(self, number: int) -> bool:
        """True where the nearest line above that is not indented begins `connections`.

        The line itself does not count: it may be the torn-off end of a setting.
        """
        for line in reversed(self._lines[: number - 1]):
            if line and not line[0].isspace() and line[0] not in "#}])":
                return line.startswith(("connections", '"connections', "'connections"))
        return False

    def _cut(self, shown: Excerpt) -> Excerpt:
        """Conceal by value as well, and cut a long line around the marker."""
        text = shown.text.expandtabs(1)
        end = shown.start + shown.width
        parts = (text[: shown.start], text[shown.start : end], text[end:])
        before, marked, after = (self._safe(part) for part in parts)
        if self._safe(text) != before + marked + after:
            # A secret reaches across the marker's edge: then the line is not worth the risk.
            before, marked, after = "", HIDDEN, ""
        if len(before + marked + after) > WIDTH:
            marked = marked[: WIDTH // 2]
            before = before if len(before) <= WIDTH // 2 else f"…{before[-WIDTH // 2 :]}"
            room = max(0, WIDTH - len(before) - len(marked))
            after = after if len(after) <= room else f"{after[:room]}…"
        return Excerpt(
            (before + marked + after).rstrip(), _columns(before), max(1, _columns(marked))
        )

    def _safe(self, text: str) -> str:
        return printable(self._secrets.conceal(text))


def _columns(text: str) -> int:
    """Give the columns that a text takes on a terminal: 日 takes two, an accent of its own none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - only for showing such a fault

    return cell_len(text)


def printable(text: str) -> str:
    """Write control characters out: a key may hold escape sequences."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _masked(shown: Excerpt, line: int, hidden: Iterable[Span]) -> Excerpt:
    """Replace the secret parts of a line, from the right, and move the marker along."""
    text, start, width = shown
    for secret in sorted(hidden, key=lambda span: span.column, reverse=True):
        left = secret.column - 1 if secret.line == line else 0
        right = secret.end_column - 1 if secret.end_line == line else len(text)
        if left >= right:
            continue
        text = text[:left] + HIDDEN + text[right:]
        growth = len(HIDDEN) - (right - left)
        if left <= start < right:
            start, width = left, len(HIDDEN)
        elif start < left < start + width:
            width = max(width + growth, left + len(HIDDEN) - start)
        elif right <= start:
            start += growth
    return Excerpt(text, start, width)
