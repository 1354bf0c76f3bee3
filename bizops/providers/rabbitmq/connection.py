"""`connections.rabbitmq`: where the management API is and how to sign in."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from bizops.providers.rabbitmq.fields import Flag  # noqa: TC001 - pydantic reads it
from bizops.resource import Secret, Spec

AMQP_PORTS = {"http": 5672, "https": 5671}


def _secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str | int) and not isinstance(value, bool):
        return Secret(str(value))
    message = "must be text"
    raise ValueError(message)


SecretField = Annotated[Secret, BeforeValidator(_secret), WithJsonSchema({"type": "string"})]


class Expect(BaseModel):
    """What the broker must call itself; anything else stops the run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster_name: str = Field(
        description="The cluster's name, as `rabbitmqctl cluster_status` has it."
    )


class Connection(Spec):
    """How to reach RabbitMQ. Everything goes over the management API, except the question what is at stake."""

    url: str = Field(
        default="http://127.0.0.1:15672",
        description="The management API, such as https://rmq.corp:15671.",
    )
    amqp_url: SecretField | None = Field(
        default=None,
        description="AMQP, used only where messages are at stake; left out: url's host, port 5672 or 5671.",
    )
    username: str = Field(default="guest", description="A user with the policymaker tag.")
    password: SecretField = Field(
        default_factory=lambda: Secret("guest"), description="The user's password."
    )
    ca_file: str | None = Field(
        default=None, description="A file of certificate authorities to trust."
    )
    verify: Flag = Field(
        default=True, description="Check the server's certificate; false trusts anybody."
    )
    cert_file: str | None = Field(default=None, description="A client certificate, as PEM.")
    key_file: str | None = Field(
        default=None, description="The key of the client certificate, as PEM."
    )
    expect: Expect | None = Field(default=None, description="Which broker this must be.")

    @model_validator(mode="before")
    @classmethod
    def _split_user_info(cls, data: Any) -> Any:  # noqa: ANN401 - pydantic's own
        """Take user and password out of the URL, so that no text that is printed holds them."""
        if not isinstance(data, dict) or not isinstance(data.get("url"), str):
            return data
        try:
            parts = urlsplit(data["url"])
        except ValueError:
            return data
        plain = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
        data = data | {"url": plain.geturl().rstrip("/").removesuffix("/api")}
        if parts.username:
            data.setdefault("username", unquote(parts.username))
        if parts.password:
            data.setdefault("password", unquote(parts.password))
        return data

    @field_validator("url")
    @classmethod
    def _leads_somewhere(cls, url: str) -> str:
        if not _is_at_a_host(url, ("http", "https")):
            message = "must look like http://HOST:15672 or https://HOST:15671"
            raise ValueError(message)
        return url

    @field_validator("amqp_url")
    @classmethod
    def _leads_to_a_broker(cls, url: Secret | None) -> Secret | None:
        """Leave the vhost and all options to us: both would be overruled, or fail when nobody expects it."""
        if url is not None and not _is_at_a_host(url.reveal(), ("amqp", "amqps")):
            message = "must look like amqp://HOST:5672 or amqps://HOST:5671, without options"
            raise ValueError(message)
        return url

    @property
    def host(self) -> str:
        """The host of the management API."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_tls(self) -> bool:
        """True where the management API is asked over TLS."""
        return urlsplit(self.url).scheme == "https"


def _is_at_a_host(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:  # the port is no number, or beyond 65535
        return False
    return parts.scheme in schemes and bool(parts.hostname) and has_port and not parts.query
