"""`connections.swarm`: which engine to talk to, chosen as the docker CLI chooses."""

from __future__ import annotations

from pydantic import Field, model_validator

from bizops.providers.swarm.values import Block, Text, Truth


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

    host: Text | None = Field(
        default=None, description="Engine to talk to; goes before DOCKER_HOST and every context.",
        examples=["unix:///var/run/docker.sock", "tcp://manager:2376", "ssh://ops@manager"],
    )  # fmt: skip
    context: Text | None = Field(
        default=None, description="Docker context to use; goes before DOCKER_HOST."
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
