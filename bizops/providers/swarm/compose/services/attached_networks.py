"""The networks that a service is attached to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from bizops.providers.swarm.compose.values import Block, Texts


class Attachment(Block):
    """How a service is attached to one network."""

    aliases: Texts | None = Field(
        default=None, description="Further names of the service on that network."
    )


def _map_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give a map from names to attachments; raises ValueError for an item that is no name."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (list, tuple)):
        if not all(isinstance(name, str) for name in value):
            message = "a list of networks holds names; for aliases write a map"
            raise ValueError(message)
        return {name: {} for name in value}
    if isinstance(value, dict):
        return {name: {} if held is None else held for name, held in value.items()}
    return value


if TYPE_CHECKING:
    Attachments = tuple[tuple[str, Attachment], ...]
else:
    Attachments = Annotated[
        dict[str, Attachment],
        BeforeValidator(_map_of, json_schema_input_type=list[str] | dict[str, Attachment | None]),
        AfterValidator(lambda value: tuple(sorted(value.items()))),
    ]
