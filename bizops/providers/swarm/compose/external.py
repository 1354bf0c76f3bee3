"""`external: true`, and the form that older Compose files have: `external: {name: NAME}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator

from bizops.providers.swarm.compose.values import Block, truth_of


class ExternalName(Block):
    """The name of an object that exists already, in the old form of a Compose file."""

    name: str


def external_of(given: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Take `external: {name: x}` for `external: true` and `name: x`; raises ValueError for two names."""
    held = given.get("external") if isinstance(given, dict) else None
    if not isinstance(held, dict) or set(held) != {"name"}:
        return given
    if given.get("name") is not None and given["name"] != held["name"]:
        message = "it has two names: write external: true, and one name"
        raise ValueError(message)
    return {**given, "external": True, "name": held["name"]}


if TYPE_CHECKING:
    External = bool
else:
    External = Annotated[
        bool, BeforeValidator(truth_of, json_schema_input_type=bool | str | ExternalName)
    ]
