"""Which versions of a system bizops was tried with, and what each of them lacks; pure.

The one table behind what a plan says of a version and behind docs/compatibility.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Version = tuple[int, int]
_VERSION = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Lack:
    """What versions from `since` on, and below `until`, do not do; None leaves that end open.

    `what` is one sentence for people, and names what bizops does or says instead.
    """

    what: str
    since: Version | None = None
    until: Version | None = None

    def concerns(self, version: Version) -> bool:
        """True where this version lacks it."""
        return (self.since is None or version >= self.since) and (
            self.until is None or version < self.until
        )


@dataclass(frozen=True, slots=True)
class Versions:
    """The `tried` versions, the oldest first, and all that any of them lacks."""

    tried: tuple[Version, ...] = ()
    lacks: tuple[Lack, ...] = ()

    def lacking(self, version: Version) -> tuple[Lack, ...]:
        """Give what this version lacks."""
        return tuple(lack for lack in self.lacks if lack.concerns(version))

    def unknown(self, text: str) -> str:
        """Say that a version is older or newer than all that were tried, or ""; an empty text says nothing."""
        version = parsed(text)
        if version is None or not self.tried or self.tried[0] <= version <= self.tried[-1]:
            return ""
        age = "older" if version < self.tried[0] else "newer"
        ends = [".".join(map(str, each)) for each in (self.tried[0], self.tried[-1])]
        return f"{age} than the versions that bizops was tried with ({ends[0]} to {ends[1]})"


def parsed(text: str) -> Version | None:
    """Read `4.0.5` as (4, 0); None for what is no version."""
    found = _VERSION.match(text)
    return (int(found[1]), int(found[2])) if found else None
