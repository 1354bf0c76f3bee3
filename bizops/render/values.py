"""How one value is shown: to people, in JSON, or not at all."""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import TYPE_CHECKING, Any

from bizops import sensitive
from bizops.quantity import Duration, Size
from bizops.resource import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.change import FieldChange
    from bizops.resource import Path

UNSET = "(unset)"
_NOUNS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (Duration, "a duration"),
    (Size, "a size"),
    (int, "a number"),
    (float, "a number"),
    (str, "text"),
)
_DIGEST = re.compile(r"@sha256:([0-9a-f]{8})[0-9a-f]{56}")
_PLAIN = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]+\Z")
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
"""Control characters (C0, C1), zero-width ones, line separators, and those of the bidirectional algorithm."""
_PLAIN_IN_LIST = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\[\],]+\Z")


class Values:
    """Shows the values of one output. Hidden ones are numbered by first appearance, equal ones alike."""

    def __init__(self) -> None:
        self._numbers: dict[Secret, int] = {}

    def hidden(self, secret: Secret) -> str:
        """Give what stands for a hidden value: `(hidden #1)`."""
        number = self._numbers.setdefault(secret, len(self._numbers) + 1)
        return f"(hidden #{number})"

    def text(self, value: Any, *, in_full: bool = True) -> str:  # noqa: ANN401 - any setting
        """Print a value as the topology file would have it; an image digest in short unless `in_full`."""
        if isinstance(value, str):
            return _quoted(value, in_full=in_full)
        if isinstance(value, (tuple, list, set, frozenset)):
            return f"[{', '.join(self._item(item, in_full=in_full) for item in _ordered(value))}]"
        if isinstance(value, dict):
            pairs = (f"{key}: {self.text(held, in_full=in_full)}" for key, held in value.items())
            return f"{{{', '.join(pairs)}}}"
        return self._scalar(value)

    def _scalar(self, value: Any) -> str:  # noqa: ANN401 - any setting
        if isinstance(value, Secret):
            return self.hidden(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, Enum):
            return str(value.value)
        return UNSET if value is None else str(value)

    def _item(self, value: Any, *, in_full: bool) -> str:  # noqa: ANN401 - any setting
        if isinstance(value, str):
            return _quoted(value, in_full=in_full, plain=_PLAIN_IN_LIST)
        return self.text(value, in_full=in_full)

    def pair(self, before: Any, after: Any, *, in_full: bool = False) -> tuple[str, str]:  # noqa: ANN401
        """Print two values that differ, such that their texts differ too."""
        shown = self.text(before, in_full=in_full), self.text(after, in_full=in_full)
        if shown[0] != shown[1]:
            return shown
        shown = self.text(before), self.text(after)
        if shown[0] != shown[1]:
            return shown
        return f"{shown[0]} ({_noun(before)})", f"{shown[1]} ({_noun(after)})"

    def sides(self, field: FieldChange, *, in_full: bool = False) -> tuple[str, str]:
        """Print both values of a difference; what is taken away goes to `0 (engine's default)`."""
        if not field.default_of:
            return self.pair(field.before, field.after, in_full=in_full)
        default = f"({field.default_of}'s default)"
        known = field.after is not None and field.after not in ("", ())
        after = f"{self.text(field.after, in_full=in_full)} {default}" if known else default
        return self.text(field.before, in_full=in_full), after

    def json(self, value: Any) -> Any:  # noqa: ANN401 - whatever JSON has
        """Give a value for JSON: durations and sizes as the topology file writes them, hidden ones numbered."""
        if isinstance(value, (tuple, list, set, frozenset)):
            return [self.json(item) for item in _ordered(value)]
        if isinstance(value, dict):
            return {str(key): self.json(held) for key, held in value.items()}
        is_plain = value is None or isinstance(value, (bool, int, float, str))
        if is_plain and not isinstance(value, (Duration, Size)):
            return value
        return self._scalar(value)

    def tree(self, fields: Mapping[Path, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give settings as nested objects, and beside them Terraform's mask: `true` where a value is hidden."""
        shown: dict[str, Any] = {}
        mask: dict[str, Any] = {}
        for path, held in fields.items():
            value = sensitive.hide(path, held)
            _put(shown, path, self.json(value))
            if has_secret(value):
                _put(mask, path, value=True)
        return shown, mask


def _noun(value: Any) -> str:  # noqa: ANN401 - any setting
    """Say of what sort a value is, where that is all the difference."""
    for sort, noun in _NOUNS:
        if isinstance(value, sort):
            return noun
    return "a list" if isinstance(value, (tuple, list)) else "another value"


def has_secret(value: Any) -> bool:  # noqa: ANN401 - any setting
    """Tell whether a hidden value stands anywhere inside."""
    if isinstance(value, dict):
        return any(has_secret(held) for held in value.values())
    if isinstance(value, (tuple, list, set, frozenset)):
        return any(has_secret(item) for item in value)
    return isinstance(value, Secret)


def printable(text: str) -> str:
    """Escape what a live system said and what would steer the terminal, or turn the direction of its text."""
    return _STEERING.sub(lambda found: ascii(found[0])[1:-1], text)


def _quoted(value: str, *, in_full: bool, plain: re.Pattern[str] = _PLAIN) -> str:
    shown = value if in_full else _DIGEST.sub(r" (\1)", value)
    return shown if plain.match(value) else json.dumps(shown, ensure_ascii=False)


def _ordered(values: Any) -> Any:  # noqa: ANN401 - any collection
    return sorted(values, key=str) if isinstance(values, (set, frozenset)) else values


def _put(tree: dict[str, Any], path: Path, value: Any) -> None:  # noqa: ANN401 - any setting
    """Hang a value into nested objects; one that would replace a branch, or hang on a leaf, takes its dotted name."""
    branch = tree
    for segment in path[:-1]:
        held = branch.setdefault(segment, {})
        if not isinstance(held, dict):
            tree[".".join(path)] = value
            return
        branch = held
    name = path[-1] if path else ""
    branch[name if name not in branch else ".".join(path)] = value
