"""Several managers of one swarm: what is said where the first one, or none of them, serves; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_LEADER = "does not have a leader"
"""What a manager says while too few of them are online (swarmkit `manager/state/raft`)."""


def detour(said: Sequence[errors.ProviderError], label: str) -> tuple[str, ...]:
    """Say why this engine is asked and not an earlier one; nothing where it is the first."""
    if not said:
        return ()
    return (f"swarm: {_joined(said)}; so {label} was asked",)


def none_serves(said: Sequence[errors.ProviderError]) -> errors.ProviderError:
    """Give one error for all addresses: the only one's own, or what each of them said."""
    first, *others = said
    if not others:
        return first
    kinds = {type(error) for error in said}
    kind = kinds.pop() if len(kinds) == 1 else errors.UnreachableError
    message = f"none of {len(said)} managers serves: {_joined(said)}"
    remedy = next((error.remedy for error in said if error.remedy), "")
    return kind(message, remedy=remedy)


def _joined(said: Sequence[errors.ProviderError]) -> str:
    return "; ".join(str(error).rstrip(".") for error in said)
