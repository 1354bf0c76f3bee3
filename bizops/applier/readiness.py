"""Asks a system what became of steps; whatever happens to the question is an answer, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops import errors
from bizops.change import Readiness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bizops.change import Step
    from bizops.provider import Provider


def ask(provider: Provider, steps: Sequence[Step]) -> Sequence[Readiness]:
    """Give the readiness of each step. Raises nothing: a defect in one provider must not hang the others."""
    try:
        return provider.readiness(steps)
    except errors.WrongSystemError as error:  # asking again finds no other system
        return [Readiness(failed=True, detail=str(error)) for _ in steps]
    except errors.ProviderError as error:
        return [Readiness(unread=True, detail=str(error)) for _ in steps]
    except Exception as error:  # noqa: BLE001 - see above
        detail = f"a defect in bizops, please report it: {type(error).__name__}: {error}"
        return [Readiness(failed=True, detail=detail) for _ in steps]
