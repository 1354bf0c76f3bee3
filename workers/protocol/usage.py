"""What a run costs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run took: requests to the model, and tokens as the provider counted them."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
