"""Faults as values, collected and rendered all at once.

Whoever finds a fault knows the place and the words; how it is shown, and that no secret is shown with it, is decided
here alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from bizops.resource import Address
from bizops.topology.hiding import HIDDEN, Secrets, blank, hidden_spans
from bizops.topology.nodes import lines_of, paths

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from bizops.topology.nodes import Mapping, Span

_ENTRY = 3
"""Section, kind, name: as many segments make an address."""
WIDTH = 120
"""Characters of a line that are shown; a longer one is cut around the marker."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, of which address and field, what, and what to do about it."""

    span: Span
    problem: str
    address: str = ""
    field: str = ""
    hint: str = ""

    @property
    def where(self) -> str:
        """What stands in front of the problem: `file:line:column: address: field`."""
        place = self.span.file
        if self.span.line:
            place = f"{place}:{self.span.line}:{self.span.column}"
        return ": ".join(part for part in (place, self.address, self.field) if part)


class _Shown(NamedTuple):
    """A line as it may be shown, and where the marker stands beneath it."""

    text: str
    start: int
    width: int


class Faults:
    """Collects faults and warnings while files are read; renders them in file order."""

    def __init__(self) -> None:
        self.secrets = Secrets()
        self._faults: dict[tuple[Span, str, str], Fault] = {}
        self._fields: dict[Span, set[str]] = {}
        self._warnings: list[Fault] = []
        self._files: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._trees: dict[str, Mapping] = {}
        self._kinds: dict[tuple[str, ...], str] = {}
        self._hidden: set[Span] = set()

    def __bool__(self) -> bool:
        return bool(self._faults)

    def show(self, file: str, text: str) -> None:
        """Keep the text of a file, so that faulty lines can be shown."""
        self._files.setdefault(file, len(self._files))
        self._texts[file] = text

    def learn(self, file: str, tree: Mapping) -> None:
        """Keep the tree of a file: it tells which parts of a line are secret."""
        self._trees[file] = tree

    def know(self, provider: str, plural: str, kind: str) -> None:
        """Keep what the entries under a key of a section are, so that a path there is an address."""
        self._kinds[provider, plural] = kind

    def hide(self, span: Span) -> None:
        """Never show this part of a file."""
        self._hidden.add(span)

    def add(
        self, span: Span, problem: str, *, address: str = "", field: str = "", hint: str = ""
    ) -> None:
        """Note a fault; one that a shared default repeats for each entry is noted once."""
        self._files.setdefault(span.file, len(self._files))
        self._fields.setdefault(span, set()).add(field)
        self._faults.setdefault((span, field, problem), Fault(span, problem, address, field, hint))

    def is_known(self, span: Span, field: str) -> bool:
        """True where this place is already faulty as it is written, or this field of it."""
        return not {"", field}.isdisjoint(self._fields.get(span, ()))

    def warn(self, span: Span, problem: str, *, address: str = "", field: str = "") -> None:
        """Note something that works but is probably not meant."""
        self._files.setdefault(span.file, len(self._files))
        warning = Fault(span, problem, address, field)
        if warning not in self._warnings:
            self._warnings.append(warning)

    def nearest(self, name: str, names: Iterable[str]) -> str:
        """Give `did you mean X?`, or "" where nothing is near."""
        import difflib  # noqa: PLC0415 - only where something is wrong

        by_folded = {known.lower(): known for known in sorted(names)}
        found = difflib.get_close_matches(name.lower(), by_folded, n=1, cutoff=0.6)
        return f"did you mean {by_folded[found[0]]}?" if found else ""

    def files(self) -> int:
        """Give the number of files with faults."""
        return len({fault.span.file for fault in self._faults.values()})

    def warnings(self) -> tuple[str, ...]:
        """Give each warning as one line, in file order."""
        return tuple(self._headline(fault) for fault in self._ordered(self._warnings))

    def render(self) -> tuple[str, ...]:
        """Give each fault as text: headline, the line with a marker, and the hint."""
        spans = set(self._hidden)
        for tree in self._trees.values():
            spans.update(hidden_spans(tree))
        named = self._named(self._faults.values())
        return tuple(self._rendered(fault, spans) for fault in self._ordered(named))

    def _named(self, faults: Iterable[Fault]) -> Iterator[Fault]:
        """Give faults that were found before anyone knew what they belong to the path of what they stand at."""
        known: dict[str, dict[Span, tuple[str, ...]]] = {}
        for fault in faults:
            tree = self._trees.get(fault.span.file)
            if fault.address or fault.field or tree is None:
                yield fault
                continue
            by_span = known.setdefault(fault.span.file, {})
            if not by_span:
                by_span.update(paths(tree))
            path = by_span.get(fault.span, ())
            address = ""
            if len(path) >= _ENTRY and path[:2] in self._kinds:
                address = str(Address(path[0], self._kinds[path[:2]], (path[2],)))
                path = path[3:]
            yield replace(fault, address=address, field=".".join(path))

    def _ordered(self, faults: Iterable[Fault]) -> list[Fault]:
        return sorted(
            faults,
            key=lambda fault: (
                self._files[fault.span.file],
                *fault.span[1:3],
                fault.where,
                fault.problem,
            ),
        )

    def _headline(self, fault: Fault) -> str:
        """Conceal nothing in front of the problem: names are no secrets, even where a password is `rabbitmq`."""
        return f"{_printable(fault.where)}: {self._safe(fault.problem)}"

    def _safe(self, text: str) -> str:
        return _printable(self.secrets.conceal(text))

    def _rendered(self, fault: Fault, spans: Collection[Span]) -> str:
        lines = [self._headline(fault)]
        if shown := self._line(fault.span, spans):
            number = str(fault.span.line)
            lines.append(f"  {number} | {shown.text}")
            lines.append(f"  {' ' * len(number)} | {' ' * shown.start}{'^' * shown.width}")
        if fault.hint:
            lines.append(f"  {self._safe(fault.hint)}")
        return "\n".join(lines)

    def _line(self, span: Span, spans: Collection[Span]) -> _Shown | None:
        if span.file not in self._texts or not span.line:
            return None
        lines = lines_of(self._texts[span.file])
        if span.line > len(lines):
            return None
        text = lines[span.line - 1]
        start = min(span.column - 1, len(text))
        end = (
            span.end_column - 1 if span.end_line == span.line else len(text) if span.end_line else 0
        )
        width = max(1, min(end, len(text)) - start)
        if span.file in self._trees:
            shown = _masked(_Shown(text, start, width), span, spans)
        else:
            text = blank(text, cautious=_is_in_connections(lines, span.line))
            shown = _Shown(text, min(start, len(text)), 1)
        return self._cut(shown)

    def _cut(self, shown: _Shown) -> _Shown:
        """Conceal by value as well, and cut a long line around the marker."""
        before = self._safe(shown.text[: shown.start].expandtabs(1))
        marked = self._safe(shown.text[shown.start : shown.start + shown.width].expandtabs(1))
        after = self._safe(shown.text[shown.start + shown.width :].expandtabs(1))
        whole = self._safe(shown.text.expandtabs(1))
        if whole != before + marked + after:
            # A secret reaches across the marker's edge: then the line is not worth the risk.
            before, marked, after = "", HIDDEN, ""
        if len(before + marked + after) > WIDTH:
            marked = marked[: WIDTH // 2]
            before = before if len(before) <= WIDTH // 2 else f"…{before[-WIDTH // 2 :]}"
            room = max(0, WIDTH - len(before) - len(marked))
            after = after if len(after) <= room else f"{after[:room]}…"
        return _Shown((before + marked + after).rstrip(), len(before), max(1, len(marked)))


def _printable(text: str) -> str:
    """Write control characters out: a key may hold escape sequences."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _masked(shown: _Shown, span: Span, spans: Collection[Span]) -> _Shown:
    """Replace the secret parts of a line, from the right, and move the marker along."""
    text, start, width = shown
    for secret in sorted(spans, key=lambda hidden: hidden.column, reverse=True):
        if secret.file != span.file or not secret.line <= span.line <= secret.end_line:
            continue
        left = secret.column - 1 if secret.line == span.line else 0
        right = secret.end_column - 1 if secret.end_line == span.line else len(text)
        if left >= right:
            continue
        text = text[:left] + HIDDEN + text[right:]
        if left <= start < right:
            start, width = left, len(HIDDEN)
        elif start < left < start + width:
            width = max(width + len(HIDDEN) - (right - left), left + len(HIDDEN) - start)
        elif right <= start:
            start += len(HIDDEN) - (right - left)
    return _Shown(text, start, width)


def _is_in_connections(lines: list[str], number: int) -> bool:
    """True where the nearest line above that is not indented begins `connections`.

    The line itself does not count: it may be the torn-off end of a setting.
    """
    for line in reversed(lines[: number - 1]):
        if line and not line[0].isspace() and line[0] not in "#}])":
            return line.startswith(("connections", '"connections', "'connections"))
    return False
