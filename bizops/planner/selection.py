"""Which of the declared resources a plan is about: targets, what they need, and exclusions; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from bizops import errors
from bizops.provider import is_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bizops.resource import Address, Resource


@dataclass(frozen=True, slots=True)
class Targeting:
    """What the user asked of this plan. All but `prune` and `destroy` are globs over addresses.

    `targets`: only these, with what they need; empty means everything. `excludes`: leave these out.
    `adopt`: put our ownership mark on these. `restart`: start the tasks of these anew.
    `prune`: delete what is owned and not declared. `destroy`: delete what is declared.
    """

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    adopt: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    prune: bool = False
    destroy: bool = False

    @property
    def is_partial(self) -> bool:
        """True where something is left out on purpose."""
        return bool(self.targets or self.excludes)

    def has(self, address: Address) -> bool:
        """True where targets and exclusions let this address in, needs aside."""
        text = str(address)
        wanted = not self.targets or any(is_match(text, pattern) for pattern in self.targets)
        return wanted and not any(is_match(text, pattern) for pattern in self.excludes)


@dataclass(frozen=True, slots=True)
class Selection:
    """The resources a plan is about. `pulled` are only there because a target needs them."""

    resources: tuple[Resource, ...]
    pulled: frozenset[Address] = frozenset()


def select(resources: Sequence[Resource], choice: Targeting) -> Selection:
    """Apply targets and exclusions; raises UsageError for an address that nothing declared has.

    With `prune` it may be that of a live object, so it is checked when those are known. When things are destroyed a
    target pulls in what needs it; otherwise it pulls in what it needs.
    """
    by_address = {resource.address: resource for resource in resources}
    if not choice.prune:
        check_named(choice, by_address)
    chosen = {address for address in by_address if choice.has(address)}
    if not choice.targets:
        return Selection(tuple(r for r in resources if r.address in chosen))
    edges = _users(resources) if choice.destroy else {r.address: r.needs for r in resources}
    reached = set(chosen)
    frontier = list(chosen)
    while frontier:
        for need in edges.get(frontier.pop(), ()):
            excluded = any(is_match(str(need), pattern) for pattern in choice.excludes)
            if need in by_address and need not in reached and not excluded:
                reached.add(need)
                frontier.append(need)
    picked = tuple(r for r in resources if r.address in reached)
    return Selection(picked, frozenset(reached - chosen))


def _users(resources: Iterable[Resource]) -> dict[Address, tuple[Address, ...]]:
    users: dict[Address, list[Address]] = {}
    for resource in resources:
        for need in resource.needs:
            users.setdefault(need, []).append(resource.address)
    return {address: tuple(found) for address, found in users.items()}


def check_named(choice: Targeting, known: Iterable[Address]) -> None:
    """Raise UsageError where a target or an exclusion without wildcards is none of the known addresses."""
    texts = {str(address) for address in known}
    for option, patterns in (("--target", choice.targets), ("--exclude", choice.excludes)):
        for pattern in patterns:
            if "*" not in pattern and "?" not in pattern and pattern not in texts:
                _refuse(option, pattern, texts)


def unmatched(options: Mapping[str, Sequence[str]], known: Iterable[Address]) -> tuple[str, ...]:
    """Give a warning for each pattern of an option that matches none of the known addresses: a typo, most likely."""
    texts = sorted(map(str, known))
    return tuple(
        f"{option} {pattern}: nothing that is declared or live has this address{_near(pattern, texts)}"
        for option, patterns in options.items()
        for pattern in patterns
        if not any(is_match(text, pattern) for text in texts)
    )


def _refuse(option: str, pattern: str, known: Iterable[str]) -> NoReturn:
    message = (
        f"{option} {pattern}: nothing declared has this address{_near(pattern, sorted(known))}"
    )
    raise errors.UsageError(message)


def _near(pattern: str, known: Sequence[str]) -> str:
    import difflib  # noqa: PLC0415 - only for the message

    near = difflib.get_close_matches(pattern, known, 1)
    return f"; did you mean {near[0]}?" if near else ""
