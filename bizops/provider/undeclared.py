"""Live settings that nobody declares and that no write takes away; pure.

Whether they were declared until now cannot be known, so they are listed with every plan, and are no differences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops import sensitive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bizops.resource import Field, Path


def fixed(
    live: Iterable[tuple[Path, Field]], wanted: Mapping[Path, Any], created: Mapping[Path, Any]
) -> Iterator[str]:
    """Say which settings stay as they are, though the declaration does not have them.

    `created` gives, by path, what an object has that is created without the setting: that is not worth a line.
    """
    for path, field in live:
        if path in wanted or (path in created and created[path] == field.value):
            continue
        text = _text(sensitive.hide(path, field.value))
        yield f"{'.'.join(path)} = {text} is fixed and declared nowhere: it stays"


def _text(value: Any) -> str:  # noqa: ANN401 - any setting
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return '""' if value == "" else str(value)
