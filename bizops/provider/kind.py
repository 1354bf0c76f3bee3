"""A kind of resource, as data: how its fields may change, what it refers to, what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bizops.change import Change, FieldChange
    from bizops.resource import Address, Observation, Path, Resource, Spec


class Mutability(Enum):
    """How a field may go from one value to another."""

    IN_PLACE = "in place"
    LOSES_DATA = "in place, losing data"
    REPLACE = "by replacing"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Transition:
    """All that a rule may look at: the value before (with its origin), the value after, and both sides whole."""

    path: Path
    before: Any
    after: Any
    origin: str
    resource: Resource
    observed: Observation


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of a transition.

    `why` goes with LOSES_DATA, REPLACE and NEVER. `remedies` go with NEVER. `warnings` and `notes` are for people;
    in `notes` stand things such as `for messages published from now on; the 143 that wait keep 1h`.
    """

    mutability: Mutability
    why: str = ""
    remedies: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Rule = Callable[[Transition], Verdict]
IN_PLACE = Verdict(Mutability.IN_PLACE)


@dataclass(frozen=True, slots=True)
class Reference:
    """Something that a spec refers to: the text of an address, and the path of the field that names it.

    Where nobody declares it, that is a fault at the field. `optional` ones only order: no fault.
    """

    address: str
    path: Path
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault or a warning that an offline check found, at a field of a resource."""

    address: Address
    path: Path
    problem: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource, as data.

    `address(name, spec, settings)` gives the identity; `name` is the key in the map, "" for an item of a list.
    `rules` maps a dotted path, or the beginning of one, to the rule for it; the longest wins, and "" is the default.
    `whole` are first path segments whose map is owned whole: a live key that nobody declares is a difference there.
    `expand` gives the resources that one implies (a dead-letter queue); an explicit entry of that address wins. What
    others refer to among them is called as the one is, a dot, and more; where that has faults it is then not missed.
    `references` are what the spec refers to. `effects(change)` adds consequences, such as restarts.
    `summary(spec, address)` is the one line of settings under a created resource.
    `holds_data`: deleting or replacing it is put to `Provider.weigh` and may need consent.
    `protected(name)` is True for names that are never touched whatever is declared (`amq.*`).
    `name_problem(name)` says why the system would refuse a name, or "".
    `adoption_problem` says why our ownership mark cannot be put on one that exists, or "".
    `mentions` are first path segments whose values may name objects of other systems, as a variable names a queue.
    `restart(observed)` is the change that starts a live object's tasks anew; None where the kind has none.
    `passed_on` are settings that are maps in which a name alone takes the value of the shell's variable, `groups` maps
    in which it is a group of settings with the defaults; both as in a Compose file.
    `exclusive(fields)` names what no two objects of the system may have at once, such as a published port.
    `joins`: it leads from one object to another, as a binding does; who uses one of them uses this, too.
    `is_list`: the section holds a list of entries, not a map. `is_external(spec)`: must exist, never written.
    """

    provider: str
    name: str
    plural: str
    spec: type[Spec]
    address: Callable[[str, Any, Any], Address]
    rules: Mapping[str, Rule]
    summary: Callable[[Any, Address], str]
    whole: frozenset[str] = frozenset()
    expand: Callable[[Resource, Any], Iterable[Resource]] = lambda _resource, _settings: ()
    references: Callable[[Resource, Any], Iterable[Reference]] = lambda _resource, _settings: ()
    effects: Callable[[Change], Iterable[Any]] = lambda _change: ()
    holds_data: bool = False
    protected: Callable[[str], bool] = lambda _name: False
    name_problem: Callable[[str], str] = lambda _name: ""
    adoption_problem: str = ""
    joins: bool = False
    is_list: bool = False
    is_external: Callable[[Any], bool] = lambda _spec: False
    mentions: frozenset[str] = frozenset()
    restart: Callable[[Observation], FieldChange] | None = None
    exclusive: Callable[[Mapping[Path, Any]], frozenset[str]] = lambda _fields: frozenset()
    passed_on: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def rule(self, path: Path) -> Rule:
        """Give the rule for a path: the longest dotted beginning that has one."""
        for length in range(len(path), -1, -1):
            found = self.rules.get(".".join(path[:length]))
            if found is not None:
                return found
        message = f"{self.provider}.{self.name} has no rule for {'.'.join(path)} and no default"
        raise LookupError(message)
