"""What a run may look at beyond the declared addresses."""

from __future__ import annotations

import fnmatch
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.resource import Spec


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run may look at beyond the declared addresses.

    `owns` maps a kind's name to its patterns (`*` and `?` only, anchored, case-sensitive).
    `settings` are the provider's section settings (vhost, policy priority). `refresh` are address globs whose tags
    are to be resolved. `is_partial` is true where the run leaves out some of what is declared.
    """

    topology: str
    owns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    settings: Spec | None = None
    refresh: tuple[str, ...] = ()
    is_partial: bool = False

    def is_owned(self, kind: str, name: str) -> bool:
        """True where the name matches a pattern of that kind."""
        return any(is_match(name, pattern) for pattern in dict(self.owns).get(kind, ()))


def is_match(name: str, pattern: str) -> bool:
    """Match a name against `*` and `?`, anchored and case-sensitive; every other character stands for itself."""
    return _matcher(pattern)(name) is not None


@functools.cache
def _matcher(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """Let the standard library translate, as its expressions never go back: many stars cost no more than one."""
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]"))).match
