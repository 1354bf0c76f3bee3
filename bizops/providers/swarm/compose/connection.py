"""`connections.swarm`: which engine to talk to, chosen as the docker CLI chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bizops.providers.swarm.compose.values import Block, Text, Truth, list_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def _in_order(value: Sequence[str]) -> tuple[str, ...]:
    """Keep the order, in which they are asked; raises ValueError for none, and for one that stands there twice."""
    if not value:
        message = "name at least one"
        raise ValueError(message)
    for position, item in enumerate(value):
        if item in value[:position]:
            message = f"[{position}] is the same as [{value.index(item)}]"
            raise ValueError(message)
    return tuple(value)


def _not_empty(value: str) -> str:
    if not value:
        message = "it is empty"
        raise ValueError(message)
    return value


if TYPE_CHECKING:
    Managers = tuple[str, ...]
else:
    Managers = Annotated[
        tuple[Annotated[Text, AfterValidator(_not_empty)], ...],
        BeforeValidator(list_of, json_schema_input_type=str | list[str]),
        AfterValidator(_in_order),
    ]


class Tls(Block):
    """Certificates for a tcp:// engine; without them `DOCKER_CERT_PATH` and the context count."""

    ca_cert: Text | None = Field(
        default=None, description="File with the authority that signed the engine's certificate."
    )
    client_cert: Text | None = Field(default=None, description="File with our certificate.")
    client_key: Text | None = Field(default=None, description="File with our private key.")
    verify: Truth = Field(
        default=True,
        description="Refuse an engine whose certificate is not signed by that authority.",
    )

    @model_validator(mode="after")
    def _is_a_pair(self) -> Tls:
        if (self.client_cert is None) != (self.client_key is None):
            message = "client_cert and client_key go together"
            raise ValueError(message)
        return self


class Expect(Block):
    """What the swarm must be. Another one stops everything."""

    cluster_id: Text = Field(
        description="The swarm's id, or its beginning, as `docker info` prints it."
    )


class Connection(Block):
    """How to reach a manager node."""

    host: Managers | None = Field(
        default=None,
        description="Engine to talk to, or several that are asked in order; goes before DOCKER_HOST and every context.",
        examples=["unix:///var/run/docker.sock", ["tcp://manager1:2376", "ssh://ops@manager2"]],
    )
    context: Managers | None = Field(
        default=None,
        description="Docker context to use, or several that are tried in order; goes before DOCKER_HOST.",
    )
    tls: Tls | None = Field(default=None, description="Certificates for a tcp:// engine.")
    expect: Expect | None = Field(default=None, description="What the swarm must be.")

    @model_validator(mode="after")
    def _names_one_engine(self) -> Connection:
        if self.host and self.context:
            message = "host and context contradict each other: give one"
            raise ValueError(message)
        return self


class Settings(Block):
    """The section's own keys: Swarm has none."""
