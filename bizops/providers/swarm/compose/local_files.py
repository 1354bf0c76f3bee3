"""Files of this machine that a topology names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def beside(name: str, context: Mapping[str, Any] | None) -> Path:
    """Give the path of a file that is named beside the topology file, whose folder validation knows as `directory`.

    Raises ValueError for no name, and for the home of somebody who has none.
    """
    if not name:
        message = "a file has a name"
        raise ValueError(message)
    try:
        found = Path(name).expanduser()
    except RuntimeError:
        message = f"{name.partition('/')[0]} is nobody's home on this machine"
        raise ValueError(message) from None
    return Path((context or {}).get("directory") or ".") / found
