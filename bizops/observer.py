"""Asks each system what is live; the only caller of `observe` and `weigh`.

The systems are read side by side. One that fails gives a reading that says so, never an empty one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bizops import errors
from bizops.change import System
from bizops.provider import DataAtRisk, Observations, Scope
from bizops.resource import Presence, unreadable

if TYPE_CHECKING:
    from bizops.provider import Health, Provider
    from bizops.resource import Address, Resource

Connect = Callable[[], "Provider"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one system said, how many objects of it, and in how many seconds."""

    observations: Observations
    objects: int
    seconds: float
    error: errors.ProviderError | None = None


def observe(
    providers: Mapping[str, Connect], resources: Sequence[Resource], scopes: Mapping[str, Scope]
) -> dict[str, Reading]:
    """Read every system in `providers`, in their order. Raises nothing for a system that fails."""
    with ThreadPoolExecutor(max_workers=max(1, len(providers))) as pool:
        readings = pool.map(
            lambda name: _read(name, providers[name], resources, scopes[name]), providers
        )
        return dict(zip(providers, readings, strict=True))


def _read(name: str, connect: Connect, resources: Sequence[Resource], scope: Scope) -> Reading:
    mine = tuple(resource for resource in resources if resource.address.provider == name)
    started = time.monotonic()
    try:
        with _understood():
            observations = connect().observe(mine, scope)
    except errors.ProviderError as error:
        lost = tuple(unreadable(resource.address, str(error)) for resource in mine)
        system = System(name, "", problem=str(error), remedy=error.remedy, setting=error.setting)
        return Reading(Observations(system, lost), 0, time.monotonic() - started, error)
    objects = sum(o.presence is not Presence.UNREADABLE for o in observations.found)
    return Reading(observations, objects, time.monotonic() - started)


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """Turn a defect amid a reading into a system that was not read: the others were, and keep their readings."""
    try:
        yield
    except errors.BizopsError:
        raise
    except Exception as error:
        words = " ".join(f"{type(error).__name__}: {error}".split())
        message = f"what it answers cannot be read: {words}"
        remedy = "the same command with --debug shows where"
        raise errors.WrongSystemError(message, remedy=remedy) from error


def weigh(
    providers: Mapping[str, Connect], addresses: Sequence[Address]
) -> dict[Address, DataAtRisk]:
    """Ask what goes with each address.

    An address that cannot be weighed is left out, and the guard takes it for the worst.
    """
    asked: dict[str, list[Address]] = {}
    for address in addresses:
        asked.setdefault(address.provider, []).append(address)
    stakes: dict[Address, DataAtRisk] = {}
    for name, mine in asked.items():
        try:
            with _understood():
                stakes.update((stake.address, stake) for stake in providers[name]().weigh(mine))
        except errors.ProviderError:
            continue
    return stakes


def status(
    providers: Mapping[str, Connect], resources: Sequence[Resource], scopes: Mapping[str, Scope]
) -> dict[str, Health | errors.ProviderError]:
    """Ask every system for the health of what is declared; a system that fails gives its error."""

    def ask(name: str) -> Health | errors.ProviderError:
        mine = tuple(resource for resource in resources if resource.address.provider == name)
        try:
            with _understood():
                return providers[name]().status(mine, scopes[name])
        except errors.ProviderError as error:
            return error

    with ThreadPoolExecutor(max_workers=max(1, len(providers))) as pool:
        return dict(zip(providers, pool.map(ask, providers), strict=True))
