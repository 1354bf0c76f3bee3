"""A container's health check, as Compose writes it and as the engine stores it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from bizops.providers.swarm.compose.values import Block, Span, Truth, Whole

_FORMS = ("NONE", "CMD", "CMD-SHELL")


def _test_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give the engine's form; text is a shell command, as in Compose."""
    if isinstance(value, str):
        return ("CMD-SHELL", value)
    if isinstance(value, (list, tuple)) and (not value or value[0] not in _FORMS):
        message = (
            f"the first item must be one of {', '.join(_FORMS)}; a shell command is plain text"
        )
        raise ValueError(message)
    return value


if TYPE_CHECKING:
    Test = tuple[str, ...]
else:
    Test = Annotated[
        tuple[str, ...], BeforeValidator(_test_of, json_schema_input_type=str | list[str])
    ]


class Healthcheck(Block):
    """How the engine finds out whether a container works. A setting left out is the image's."""

    test: Test | None = Field(
        default=None,
        description="Command that succeeds while the container is healthy.",
        examples=["curl -f http://:8080/health"],
    )
    interval: Span | None = Field(
        default=None, description="Time between two checks.", examples=["30s"]
    )
    timeout: Span | None = Field(
        default=None, description="A check that takes longer has failed.", examples=["5s"]
    )
    retries: Whole | None = Field(
        default=None, description="Failures in a row that make it unhealthy."
    )
    start_period: Span | None = Field(
        default=None,
        description="Failures do not count for so long after the start.",
        examples=["40s"],
    )
    start_interval: Span | None = Field(
        default=None,
        description="Time between two checks during start_period (engine 25 and later).",
        examples=["2s"],
    )
    disable: Truth = Field(default=False, description="Switch off the health check of the image.")

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Healthcheck:
        if self.disable and self.test is not None:
            message = "disable and test contradict each other"
            raise ValueError(message)
        return self

    def fields(self) -> dict[tuple[str, ...], Any]:
        """Give one path for each setting; `disable` is the test that the engine calls NONE."""
        found = {path: value for path, value in super().fields().items() if path != ("disable",)}
        return {**found, ("test",): ("NONE",)} if self.disable else found
