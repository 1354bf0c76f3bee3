"""What is wrong across resources: doubled addresses, names nobody may use, needs that lead nowhere or in a circle."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bizops.provider import is_match
from bizops.topology.tree.nodes import written

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from bizops.provider import Kind
    from bizops.resource import Address
    from bizops.topology.declarations import Declaration, Section
    from bizops.topology.tree.faults import Faults
    from bizops.topology.tree.nodes import Span


class _Name(NamedTuple):
    """A declared name with what is needed to blame it; `derived` is the setting that implied it."""

    kind: Kind
    text: str
    address: str
    span: Span
    derived: str = ""


def unique(declarations: Iterable[Declaration], faults: Faults) -> dict[Address, Declaration]:
    """Give the declarations by address; the second of an address is a fault that names the first."""
    found: dict[Address, Declaration] = {}
    for declaration in declarations:
        address = declaration.resource.address
        first = found.setdefault(address, declaration)
        if first is not declaration and not first.resource.unread | declaration.resource.unread:
            place = f"{first.span.file}:{first.span.line}"
            faults.add(declaration.span, f"is already declared at {place}", address=str(address))
    return found


def check_names(section: Section, declarations: Iterable[Declaration], faults: Faults) -> None:
    """Note names that are never touched, that the system refuses, or that lie outside `owns`."""
    names = [
        _Name(
            declaration.kind,
            declaration.resource.address.name,
            str(declaration.resource.address),
            declaration.span,
            declaration.derived,
        )
        for declaration in declarations
        if not declaration.resource.external and "external" not in declaration.resource.unread
    ]
    names += [
        _Name(found.kind, found.name, found.address, found.span)
        for found in section.misdeclared
        if found.name
    ]
    for name in names:
        _check_name(name, dict(section.owns), faults)


def _check_name(name: _Name, owns: Mapping[str, Sequence[str]], faults: Faults) -> None:
    kind, hint = name.kind, ""
    problem = kind.name_problem(name.text)
    if not problem and kind.protected(name.text):
        problem = "this name belongs to the system, and is never touched"
    elif not problem and kind.name in owns:
        patterns = owns[kind.name]
        if not any(is_match(name.text, pattern) for pattern in patterns):
            problem = f"lies outside owns.{kind.plural} ({', '.join(patterns) or 'no pattern'})"
            hint = f"add a pattern that matches {name.text}"
    if problem:
        faults.add(name.span, problem, address=name.address, field=name.derived, hint=hint)


class Needs:
    """Resolves what resources need and refer to; addresses as text are only ever compared, never taken apart.

    What is implied comes after what is written: an address that a queue misses is not missed again by its binding.
    """

    def __init__(
        self,
        declared: Mapping[Address, Declaration],
        sections: Sequence[Section],
        doubtful: Collection[str],
        faults: Faults,
    ) -> None:
        self._by_text = {str(address): address for address in declared}
        self._names: dict[str, dict[str, str]] = {}
        for text in self._by_text:
            kind, _, name = text.partition("/")
            self._names.setdefault(kind, {})[name] = text
        self._doubtful = doubtful
        self._settings = {section.definition.name: section.settings for section in sections}
        self._faults = faults
        self._nearest: dict[str, str] = {}
        self._missing: set[str] = set()

    def of(self, declaration: Declaration) -> set[Address]:
        """Give the addresses that must be settled first; notes those that nobody declares."""
        found = set()
        for need in declaration.needs:
            if need == str(declaration.resource.address):
                span = declaration.place(("needs", need))
                self._faults.add(span, "needs itself", address=need, field="needs")
                continue
            if address := self._resolved(need, declaration, ("needs", need), is_named=True):
                found.add(address)
        settings = self._settings[declaration.resource.address.provider]
        for reference in declaration.kind.references(declaration.resource, settings):
            address = self._by_text.get(reference.address)
            if address is None and not reference.optional:
                self._resolved(reference.address, declaration, reference.path, is_named=False)
            elif address is not None:
                found.add(address)
        return found

    def _resolved(
        self, text: str, declaration: Declaration, path: tuple[str, ...], *, is_named: bool
    ) -> Address | None:
        address = self._by_text.get(text)
        if address is not None or declaration.is_in_doubt(path) or self._is_doubtful(text):
            return address
        if not is_named and text.partition(".")[0] not in self._settings:
            # The topology says nothing of that system, so it cannot say that this is missing there.
            return None
        if declaration.derived and text in self._missing:
            return None
        self._missing.add(text)
        self._faults.add(
            declaration.place(path),
            f"{text or 'an empty address'} is declared nowhere",
            address=declaration.label,
            field="needs" if is_named else written(declaration.node, path),
            hint=self._hint(text, is_named=is_named),
        )
        return None

    def _is_doubtful(self, text: str) -> bool:
        """True where something with faults may be what is missed, or may imply it: `orders.dlq` for `orders`."""
        bare = _bare(text)
        return bare in self._doubtful or any(
            bare.startswith(known if known.endswith(("/", ".")) else f"{known}.")
            for known in self._doubtful
        )

    def _hint(self, text: str, *, is_named: bool) -> str:
        """Give the nearest address; a default may name the same wrong one for each of many entries.

        Of one kind only the names are compared, as what stands before them is alike whatever the name.
        """
        if text not in self._nearest:
            kind, _, name = text.partition("/")
            known = self._names.get(kind, {})
            near = known.get(self._faults.near(name, known), "")
            if not known and is_named:
                near = self._faults.near(text, self._by_text)
            self._nearest[text] = f"did you mean {near}?" if near else ""
        return self._nearest[text]


def _bare(text: str) -> str:
    """Give an address without its scope: a faulty setting may be the one that gives it another."""
    return text.partition("@")[0]


def doubtful(declared: Mapping[Address, Declaration], sections: Sequence[Section]) -> set[str]:
    """Give what has faults, as beginnings of addresses: nobody can say what else it declares or implies."""
    found: set[str] = set()
    unread = {section.definition.name for section in sections if section.unread}
    for section in sections:
        found |= section.doubtful
        found |= {_bare(misdeclared.address) for misdeclared in section.misdeclared}
    for address, declaration in declared.items():
        if declaration.resource.unread or address.provider in unread:
            found.add(_bare(str(address)))
    return found


def check_cycles(
    declared: Mapping[Address, Declaration],
    needs: Mapping[Address, Sequence[Address]],
    faults: Faults,
) -> None:
    """Note each circle of needs once, from the resource that is declared first."""
    state: dict[Address, bool] = {}
    for start in sorted(needs, key=lambda address: (declared[address].span, address)):
        if start in state:
            continue
        path: list[Address] = []
        stack = [(start, iter(needs.get(start, ())))]
        state[start] = True
        path.append(start)
        while stack:
            address, rest = stack[-1]
            need = next(rest, None)
            if need is None:
                stack.pop()
                path.pop()
                state[address] = False
            elif need not in state:
                state[need] = True
                path.append(need)
                stack.append((need, iter(needs.get(need, ()))))
            elif state[need]:
                _note_cycle(path[path.index(need) :], declared, faults)


def _note_cycle(
    loop: list[Address], declared: Mapping[Address, Declaration], faults: Faults
) -> None:
    first = loop.index(min(loop, key=lambda address: (declared[address].span, address)))
    turned = [*loop[first:], *loop[:first], loop[first]]
    declaration = declared[turned[0]]
    faults.add(
        declaration.place(("needs",)),
        f"a circle: {' -> '.join(map(str, turned))}",
        address=str(turned[0]),
        field="needs",
    )


def check_findings(
    section: Section, declared: Mapping[Address, Declaration], faults: Faults
) -> None:
    """Ask the provider what is wrong across its resources, and note it at the field it names."""
    if section.settings is None:
        return
    name = section.definition.name
    resources = [
        declaration.resource
        for address, declaration in declared.items()
        if address.provider == name
    ]
    for finding in section.definition.check(resources, section.settings):
        declaration = declared.get(finding.address)
        if declaration and declaration.is_in_doubt(finding.path):
            continue
        span = declaration.place(finding.path) if declaration else section.span
        note = faults.warn if finding.is_warning else faults.add
        field = written(declaration.node, finding.path) if declaration else ".".join(finding.path)
        note(span, finding.problem, address=str(finding.address), field=field)
