"""Faults as values, collected and rendered all at once.

Whoever finds a fault knows the place and the words; how it is shown, and that no secret is shown with it, is decided
here alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bizops.resource import Address
from bizops.topology.tree.excerpt import Page, printable
from bizops.topology.tree.nodes import paths
from bizops.topology.tree.sensitive_values import Secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bizops.topology.tree.nodes import Mapping, Span

_ENTRY = 3
"""Section, kind, name: as many segments make an address."""
_LONGEST = 1_000
"""Characters of a problem or hint; only what repeats a monstrous value is longer."""
_CHARACTERS = 800_000
"""Of names that are compared in one run to find the nearest, about a second; who has more faults mends those first."""


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


class Faults:
    """Collects faults and warnings while files are read; renders them in file order."""

    def __init__(self) -> None:
        self.secrets = Secrets()
        self._faults: dict[tuple[Span, str, str], Fault] = {}
        self._fields: dict[Span, set[str]] = {}
        self._warnings: dict[Fault, None] = {}
        self._files: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._trees: dict[str, Mapping] = {}
        self._dropped: dict[str, tuple[Mapping, ...]] = {}
        self._kinds: dict[tuple[str, ...], str] = {}
        self._hidden: set[Span] = set()
        self._compared = 0
        self._near: dict[tuple[str, frozenset[str]], str] = {}

    def __bool__(self) -> bool:
        return bool(self._faults)

    def show(self, file: str, text: str) -> None:
        """Keep the text of a file, so that faulty lines can be shown."""
        self._files.setdefault(file, len(self._files))
        self._texts[file] = text

    def learn(self, file: str, tree: Mapping, dropped: Iterable[Mapping] = ()) -> None:
        """Keep the tree of a file: it tells which parts of a line are secret, also of what is `dropped` from it."""
        self._trees[file] = tree
        self._dropped[file] = tuple(dropped)

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

    def excuse(self, span: Span) -> None:
        """Note that the fault of this place is told elsewhere."""
        self._fields.setdefault(span, set()).add("")

    def is_known(self, span: Span, field: str) -> bool:
        """True where this place is already faulty as it is written, or this field of it."""
        return not {"", field}.isdisjoint(self._fields.get(span, ()))

    def warn(self, span: Span, problem: str, *, address: str = "", field: str = "") -> None:
        """Note something that works but is probably not meant."""
        self._files.setdefault(span.file, len(self._files))
        self._warnings[Fault(span, problem, address, field)] = None

    def nearest(self, name: str, names: Iterable[str]) -> str:
        """Give `did you mean X?`, or "" where nothing is near."""
        found = self.near(name, names)
        return f"did you mean {found}?" if found else ""

    def near(self, name: str, names: Iterable[str]) -> str:
        """Give the nearest name, or "" where none is near."""
        if self._compared > _CHARACTERS:
            return ""
        key = (name, frozenset(names))
        if key not in self._near:
            self._near[key] = self._compare(*key)
        return self._near[key]

    def _compare(self, name: str, names: frozenset[str]) -> str:
        import difflib  # noqa: PLC0415 - only where something is wrong

        by_folded = {known.lower(): known for known in sorted(names)}
        self._compared += sum(map(len, by_folded))
        if self._compared > _CHARACTERS:
            return ""
        found = difflib.get_close_matches(name.lower(), by_folded, n=1, cutoff=0.6)
        return by_folded[found[0]] if found else ""

    def files(self) -> int:
        """Give the number of files with faults."""
        return len({fault.span.file for fault in self._faults.values()})

    def warnings(self) -> tuple[str, ...]:
        """Give each warning as one line, in file order."""
        return tuple(self._headline(fault) for fault in self._ordered(self._warnings))

    def render(self) -> tuple[str, ...]:
        """Give each fault as text: headline, the line with a marker, and the hint."""
        pages = {
            file: Page(
                text,
                (self._trees[file], *self._dropped[file]) if file in self._trees else (),
                [span for span in self._hidden if span.file == file],
                self.secrets,
            )
            for file, text in self._texts.items()
        }
        named = self._ordered(self._named(self._faults.values()))
        return tuple(self._rendered(fault, pages.get(fault.span.file)) for fault in named)

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
        """Conceal little in front of the problem: names are no secrets, even where a password is `rabbitmq`."""
        where = printable(self.secrets.conceal_name(fault.where))
        return f"{where}: {self._safe(fault.problem)}"

    def _safe(self, text: str) -> str:
        safe = printable(self.secrets.conceal(text))
        return safe if len(safe) <= _LONGEST else f"{safe[:_LONGEST]}…"

    def _rendered(self, fault: Fault, page: Page | None) -> str:
        lines = [self._headline(fault)]
        if page and (shown := page.excerpt(fault.span)):
            number = str(fault.span.line)
            lines.append(f"  {number} | {shown.text}")
            lines.append(f"  {' ' * len(number)} | {' ' * shown.start}{'^' * shown.width}")
        if fault.hint:
            lines.append(f"  {self._safe(fault.hint)}")
        return "\n".join(lines)
