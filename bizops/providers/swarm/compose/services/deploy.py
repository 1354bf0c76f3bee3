"""What Compose keeps under `deploy`: how many tasks, where they run, and how they are replaced."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bizops.providers.swarm.compose.services.generic_resources import GenericResource  # noqa: TC001 - pydantic reads the annotations
from bizops.providers.swarm.compose.values import (
    Block,
    Bytes,
    Number,
    Span,
    TextMap,
    Texts,
    Whole,
    text_of,
)

if TYPE_CHECKING:
    from bizops.resource import Path

_CONSTRAINT = re.compile(r"\s*([\w.-]+(?:\.[\w./-]+)*)\s*(==|!=)\s*(.+?)\s*\Z")
_NANO = 1_000_000_000
_RESERVED = "bizops."


def constraint_of(value: str) -> str:
    """Give a placement constraint without the blanks around its operator, which the scheduler ignores.

    Raises ValueError where it is no constraint (swarmkit `manager/constraint`).
    """
    found = _CONSTRAINT.match(value)
    if not found:
        message = f"{value!r} is not a constraint: write node.role==worker or node.labels.zone!=a"
        raise ValueError(message)
    return f"{found[1]}{found[2]}{found[3]}"


def live_constraint(value: str) -> str:
    """Give a live constraint in the same form; one that we cannot read stays as it is."""
    found = _CONSTRAINT.match(value)
    return f"{found[1]}{found[2]}{found[3]}" if found else value


def _preference_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give `spread=node.labels.zone` also from Compose's `{spread: node.labels.zone}`."""
    if isinstance(value, dict) and set(value) == {"spread"}:
        value = f"spread={value['spread']}"
    if not isinstance(value, str) or not value.startswith("spread="):
        message = "a preference is written {spread: node.labels.zone}"
        raise ValueError(message)
    return value


def _cpus_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give a number of processors as plain text: `"0.50"`, 0.5 and `.5` are the same."""
    text = str(text_of(value))
    if not re.fullmatch(r"[0-9]{0,9}\.?[0-9]{1,9}|[0-9]{1,9}\.", text):
        message = f"{text!r} is not a number of processors: write 0.5 or 2"
        raise ValueError(message)
    return cpus(int(Decimal(text) * _NANO))


def cpus(nano: int) -> str:
    """Print billionths of a processor as people write them."""
    return (
        f"{Decimal(nano) / _NANO:f}".rstrip("0").rstrip(".") if nano % _NANO else str(nano // _NANO)
    )


def nano_cpus(text: str) -> int:
    """Give billionths of a processor."""
    return int(Decimal(text) * _NANO)


def _not_reserved(value: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    for name, _ in value:
        if name.startswith(_RESERVED):
            message = f"{name}: labels that begin with {_RESERVED} are written by bizops itself"
            raise ValueError(message)
    return value


if TYPE_CHECKING:
    Constraints = tuple[str, ...]
    Preferences = tuple[str, ...]
    Processors = str
    Labels = tuple[tuple[str, str], ...]
else:
    Constraints = Annotated[
        Texts, AfterValidator(lambda value: tuple(sorted({constraint_of(text) for text in value})))
    ]
    Preferences = tuple[
        Annotated[
            str, BeforeValidator(_preference_of, json_schema_input_type=dict[str, str] | str)
        ],
        ...,
    ]
    Processors = Annotated[str, BeforeValidator(_cpus_of, json_schema_input_type=str | float)]
    Labels = Annotated[TextMap, AfterValidator(_not_reserved)]


class UpdateConfig(Block):
    """How tasks are replaced when the service changes."""

    parallelism: Whole | None = Field(
        default=None, description="Tasks replaced at once; 0 means all.", examples=[1]
    )
    delay: Span | None = Field(
        default=None, description="Pause between two of them.", examples=["10s"]
    )
    failure_action: Literal["pause", "continue", "rollback"] | None = Field(
        default=None, description="What Swarm does when a new task fails."
    )
    monitor: Span | None = Field(
        default=None,
        description="A new task that fails within this time has failed.",
        examples=["30s"],
    )
    max_failure_ratio: Number | None = Field(
        default=None, description="Part of the tasks that may fail, from 0 to 1.", examples=[0.2]
    )
    order: Literal["stop-first", "start-first"] | None = Field(
        default=None, description="Whether the old task stops before or after the new one starts."
    )

    @model_validator(mode="after")
    def _is_a_ratio(self) -> UpdateConfig:
        if self.max_failure_ratio is not None and self.max_failure_ratio > 1:
            message = "max_failure_ratio goes from 0 to 1"
            raise ValueError(message)
        return self


class RollbackConfig(UpdateConfig):
    """How tasks are replaced when Swarm goes back to the spec before."""

    failure_action: Literal["pause", "continue"] | None = Field(
        default=None, description="What Swarm does when a task fails on the way back."
    )


class RestartPolicy(Block):
    """When a task that ended is started again."""

    condition: Literal["none", "on-failure", "any"] | None = Field(
        default=None, description="After which end a task is started again."
    )
    delay: Span | None = Field(
        default=None, description="Pause before the new start.", examples=["5s"]
    )
    max_attempts: Whole | None = Field(
        default=None, description="Starts before Swarm gives up; 0 means no limit."
    )
    window: Span | None = Field(
        default=None,
        description="Time over which max_attempts counts; 0 means for ever.",
        examples=["2m"],
    )


class Placement(Block):
    """Which nodes may run the tasks."""

    constraints: Constraints | None = Field(
        default=None,
        description="Conditions that a node must meet.",
        examples=[["node.role==worker"]],
    )
    preferences: Preferences | None = Field(
        default=None, description="Node labels to spread the tasks over, most important first."
    )
    max_replicas_per_node: Whole | None = Field(
        default=None, description="Most tasks of this service on one node; 0 means no limit."
    )


class Limits(Block):
    """What a task may use at most."""

    cpus: Processors | None = Field(default=None, description="Processors, such as '0.5'.")
    memory: Bytes | None = Field(default=None, description="Memory, such as 512MiB.")
    pids: Whole | None = Field(default=None, description="Processes; 0 means no limit.")


class Reservations(Block):
    """What a node must have free for a task."""

    cpus: Processors | None = Field(default=None, description="Processors, such as '0.25'.")
    memory: Bytes | None = Field(default=None, description="Memory, such as 256MiB.")
    generic_resources: tuple[GenericResource, ...] | None = Field(
        default=None, description="What a node counts besides, such as GPUs."
    )

    def fields(self) -> dict[Path, Any]:
        """Give the generic resources as one set of items."""
        found = super().fields()
        if self.generic_resources is not None:
            items = sorted(each.entry() for each in self.generic_resources)
            found["generic_resources",] = tuple(items)
        return found


class Resources(Block):
    """Processors and memory of a task."""

    limits: Limits | None = Field(default=None, description="What a task may use at most.")
    reservations: Reservations | None = Field(
        default=None, description="What a node must have free for a task."
    )


class Deploy(Block):
    """How many tasks a service has, where they run, and how they are replaced."""

    mode: Literal["replicated", "global", "replicated-job", "global-job"] | None = Field(
        default=None, description="A number of tasks, or one on each node; a job runs to its end."
    )
    replicas: Whole | None = Field(default=None, description="Number of tasks.", examples=[4])
    labels: Labels | None = Field(
        default=None, description="Labels of the service; changing them restarts nothing."
    )
    endpoint_mode: Literal["vip", "dnsrr"] | None = Field(
        default=None, description="One virtual address, or the addresses of all tasks."
    )
    update_config: UpdateConfig | None = Field(
        default=None, description="How tasks are replaced when the service changes."
    )
    rollback_config: RollbackConfig | None = Field(
        default=None, description="How tasks are replaced when Swarm goes back."
    )
    restart_policy: RestartPolicy | None = Field(
        default=None, description="When a task that ended is started again."
    )
    placement: Placement | None = Field(default=None, description="Which nodes may run the tasks.")
    resources: Resources | None = Field(
        default=None, description="Processors and memory of a task."
    )

    @model_validator(mode="after")
    def _has_replicas_to_count(self) -> Deploy:
        if self.replicas is not None and self.mode in {"global", "global-job"}:
            message = f"replicas does not go with mode {self.mode}: it runs one task on each node"
            raise ValueError(message)
        return self
