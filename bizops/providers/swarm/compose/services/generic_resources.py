"""Resources of a node that the engine only counts, such as GPUs, as Compose and the engine write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from bizops.providers.swarm.compose.values import Block, Entry, Text, Whole

if TYPE_CHECKING:
    from collections.abc import Mapping


class Discrete(Block):
    """So many of one kind."""

    kind: Text = Field(description="Kind of resource, as the nodes call it.", examples=["gpu"])
    value: Whole = Field(description="How many of it.", examples=[1])


class GenericResource(Block):
    """One resource that a node must have free for a task."""

    discrete_resource_spec: Discrete = Field(description="Kind and number.")

    def entry(self) -> Entry:
        """Give it as one comparable item."""
        spec = self.discrete_resource_spec
        return observed({"DiscreteResourceSpec": {"Kind": spec.kind, "Value": spec.value}})


def observed(raw: Mapping[str, Any]) -> Entry:
    """Read one raw resource, counted or named: `gpu=2`."""
    spec = raw.get("DiscreteResourceSpec") or raw.get("NamedResourceSpec") or {}
    return Entry(f"{spec.get('Kind', '')}={spec.get('Value', '')}", dict(raw))
