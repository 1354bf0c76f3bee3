"""The kinds of value that Compose keys take, as annotated types: what YAML gives in, one plain form out.

After interpolation any scalar may arrive as text, so numbers and truth values are accepted as text too. A truth value
where text or a number is meant is a fault: YAML reads a bare `yes`, `no`, `on` and `off` as one.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict

from bizops.quantity import Duration, Size, not_whole, shown
from bizops.resource import Spec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bizops.resource import Path

_LARGEST = 2**63 - 1
_LETTER_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kmg])\Z", re.IGNORECASE)


class Entry(str):
    """One item of a set-like list: compares and prints as its text, and carries what the engine stores for it.

    The text names everything that matters about the item, so that equal text is an equal item.
    """

    __slots__ = ("raw",)
    raw: dict[str, Any]

    def __new__(cls, text: str, raw: dict[str, Any]) -> Self:
        """Join a text with the engine's form of the same item."""
        made = super().__new__(cls, text)
        made.raw = raw
        return made


class Pairs(tuple[tuple[str, Any], ...]):
    """A map as sorted pairs, told apart from a list even where it is empty."""

    __slots__ = ()


class Block(Spec):
    """A group of settings inside a service, such as `deploy.update_config`.

    Built on first use: a group inside a service never needs a validator of its own.
    """

    model_config = ConfigDict(defer_build=True)

    def fields(self) -> dict[Path, Any]:
        """Give one path for each leaf: groups and maps are entered, a list is one value."""
        found: dict[Path, Any] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Spec):
                found.update({(name, *path): leaf for path, leaf in value.fields().items()})
            elif isinstance(value, Pairs):
                found.update({(name, key): leaf for key, leaf in value})
            elif value is not None:
                found[name,] = value
        return found


def text_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give a scalar as text; raises ValueError for a truth value, which YAML may have made of `on`."""
    if isinstance(value, bool):
        word = "true" if value else "false"
        message = f"text is meant here, and YAML reads this as {word}: put it in quotes"
        raise ValueError(message)  # noqa: TRY004 - pydantic turns only ValueErrors into faults
    return str(value) if isinstance(value, (int, float)) else value


def whole_number_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give a whole number, also from digits in quotes; raises ValueError for a truth value or a fraction."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,40}", value.strip()):
        return int(value)
    raise ValueError(not_whole(value))


def number_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give a number, also from text; raises ValueError for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", value.strip()):
        return float(value)
    message = f"{shown(value)} is not a number"
    raise ValueError(message)


def truth_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give a truth value, also from `true` and `false` in quotes; raises ValueError for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    message = f"{shown(value)} is neither true nor false"
    raise ValueError(message)


def duration_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give a Duration; raises ValueError for a bare number, except 0, which needs no unit."""
    if isinstance(value, Duration):
        return value
    if value in (0, "0") and not isinstance(value, bool):
        return Duration(0)
    if isinstance(value, str) and not re.fullmatch(r"\d+(\.\d+)?", value):
        return Duration.parse(value)
    message = f"{shown(value)} needs a unit: write 500ms, 30s, 5m or 1h"
    raise ValueError(message)


def size_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give a Size. `64m` means MiB, as in Compose; raises ValueError for a bare number, except 0."""
    if isinstance(value, Size):
        return value
    if value in (0, "0") and not isinstance(value, bool):
        return Size(0)
    if isinstance(value, str):
        if letter := _LETTER_SIZE.match(value):
            return Size.parse(f"{letter[1]}{letter[2]}iB")
        if not re.fullmatch(r"\d+(\.\d+)?", value):
            return Size.parse(value)
    message = f"{shown(value)} needs a unit: write 64MiB, 512MiB or 1GiB"
    raise ValueError(message)


def words_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give a command as a list of words; text is split as a shell would, as Compose does."""
    if isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError as error:
            message = f"it cannot be split into words: {error}"
            raise ValueError(message) from None
    return value


def list_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give a list, also where one item stands alone."""
    return [value] if isinstance(value, (str, int, float)) else value


def map_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give a map, also from a list of `KEY=VALUE`; raises ValueError for an item without `=`, or a second of a key."""
    if not isinstance(value, (list, tuple)):
        return value
    pairs: dict[str, str] = {}
    for item in value:
        name, equals, held = str(item).partition("=")
        if not isinstance(item, str) or not equals:
            example = name if re.fullmatch(r"[A-Z][A-Z0-9_]*", name) else "KEY"
            message = f"an item is not KEY=VALUE: for a value from the shell write {example}=${{{example}}}"
            raise ValueError(message)
        if name in pairs:
            message = f"{name} is set twice"
            raise ValueError(message)
        pairs[name] = held
    return pairs


def _sorted_pairs(value: Mapping[str, Any]) -> Pairs:
    return Pairs(sorted(value.items()))


def _sorted_texts(value: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(value)))


def _at_most_the_engines(value: int) -> int:
    """The engine decodes numbers of tasks as 64 bits, most of them signed (docker/docker `api/types/swarm`)."""
    if value > _LARGEST:
        message = f"must be at most {_LARGEST}"
        raise ValueError(message)
    return value


def _at_most_292_years(value: Duration) -> Duration:
    """The engine keeps durations as nanoseconds in 64 signed bits."""
    if value > _LARGEST // 1_000_000:
        message = "must be at most 292 years"
        raise ValueError(message)
    return value


def _at_least_zero(value: float) -> float:
    if value < 0:
        message = f"{value} is below zero"
        raise ValueError(message)
    return value


if TYPE_CHECKING:  # what validation gives, where the annotation says what it takes
    Text = str
    Whole = int
    Number = float
    Truth = bool
    Span = Duration
    Bytes = Size
    Words = tuple[str, ...]
    Texts = tuple[str, ...]
    TextMap = tuple[tuple[str, str], ...]
else:
    Text = Annotated[str, BeforeValidator(text_of, json_schema_input_type=str | int | float)]
    Whole = Annotated[
        int,
        BeforeValidator(whole_number_of, json_schema_input_type=int | str),
        AfterValidator(_at_least_zero),
        AfterValidator(_at_most_the_engines),
    ]
    Number = Annotated[
        float,
        BeforeValidator(number_of, json_schema_input_type=float | str),
        AfterValidator(_at_least_zero),
    ]
    Truth = Annotated[bool, BeforeValidator(truth_of, json_schema_input_type=bool | str)]
    Span = Annotated[
        Duration,
        BeforeValidator(duration_of, json_schema_input_type=str),
        AfterValidator(_at_most_292_years),
    ]
    Bytes = Annotated[Size, BeforeValidator(size_of, json_schema_input_type=str)]
    Words = Annotated[
        tuple[Text, ...], BeforeValidator(words_of, json_schema_input_type=str | list[str])
    ]
    Texts = Annotated[
        tuple[Text, ...],
        BeforeValidator(list_of, json_schema_input_type=str | list[str]),
        AfterValidator(_sorted_texts),
    ]
    TextMap = Annotated[
        dict[str, Text],
        BeforeValidator(map_of, json_schema_input_type=dict[str, str | int | float] | list[str]),
        AfterValidator(_sorted_pairs),
    ]
