"""`connections.rabbitmq`: where the management API is and how to sign in."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from bizops.providers.rabbitmq.declared.field_types import Flag  # noqa: TC001 - pydantic reads it
from bizops.resource import Secret, Spec

_AMQP = {"http": "amqp", "https": "amqps"}
_COMMA = re.compile(r"\s*,\s*(?=(?:https?|amqps?)://)")
"""Between addresses in one text, as an environment variable gives them; a comma elsewhere belongs to an address."""


def _secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str | int) and not isinstance(value, bool):
        return Secret(str(value))
    message = "must be text"
    raise ValueError(message)


SecretField = Annotated[Secret, BeforeValidator(_secret), WithJsonSchema({"type": "string"})]


class _Faulty:
    """Stands where an address was, with what is wrong with it beside the others."""

    def __init__(self, problem: str) -> None:
        self.problem = problem


def _listed(value: object) -> object:
    """Give addresses as a list: one may stand alone, and one text may hold several."""
    if isinstance(value, Secret):
        return [value]
    if isinstance(value, str):
        return _COMMA.split(value.strip())
    return value


def _management(value: object) -> object:
    """Check one address of the management API; what is no text is left to the type."""
    if isinstance(value, _Faulty):
        raise ValueError(value.problem)  # noqa: TRY004 - pydantic takes no other
    if isinstance(value, str) and not _is_at_a_host(value, ("http", "https")):
        message = "must look like http://HOST:15672 or https://HOST:15671"
        raise ValueError(message)
    return value


def _amqp(value: object) -> Secret:
    """Check one AMQP address. Vhost and options are left to us: they would be overruled, or fail unexpectedly."""
    found = _secret(value)
    if not _is_at_a_host(found.reveal(), ("amqp", "amqps")):
        message = "must look like amqp://HOST:5672 or amqps://HOST:5671, without options"
        raise ValueError(message)
    return found


_LIST = WithJsonSchema(
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
)
_Urls = Annotated[
    tuple[Annotated[str, BeforeValidator(_management)], ...],
    BeforeValidator(_listed),
    Field(min_length=1),
    _LIST,
]
_AmqpUrls = Annotated[
    tuple[Annotated[Secret, BeforeValidator(_amqp)], ...],
    BeforeValidator(_listed),
    Field(min_length=1),
    _LIST,
]


class Expect(BaseModel):
    """What the broker must call itself; anything else stops the run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster_name: str = Field(
        description="The cluster's name, as `rabbitmqctl cluster_status` has it."
    )


class Connection(Spec):
    """How to reach RabbitMQ. Everything goes over the management API, except the question what is at stake."""

    url: _Urls = Field(
        default=("http://127.0.0.1:15672",),
        description="The management API, such as https://rmq.corp:15671; of a list the first that answers.",
    )
    amqp_url: _AmqpUrls | None = Field(
        default=None,
        description="AMQP, used only where messages are at stake; left out: url's hosts, port 5672 or 5671.",
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
        """Take user and password out of the URLs, so that no text that is printed holds them."""
        urls = _listed(data.get("url")) if isinstance(data, dict) else None
        if not isinstance(urls, list | tuple):
            return data
        plain: list[object] = []
        signed: tuple[str, str | None] | None = None
        for url in urls:
            parts = _parts(url)
            if parts is None:
                plain.append(url)
                continue
            mine = (parts.username, parts.password) if parts.username else signed
            signed = signed or mine
            bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
            address = bare.geturl().rstrip("/").removesuffix("/api")
            if mine != signed:
                plain.append(_Faulty("has another user or password than an address before it"))
            else:
                plain.append(_Faulty("is there twice") if address in plain else address)
        data = data | {"url": plain}
        if signed is not None:
            data.setdefault("username", unquote(signed[0]))
        if signed is not None and signed[1]:
            data.setdefault("password", unquote(signed[1]))
        return data

    def asking(self, url: str) -> Connection:
        """Give the same connection with this address in front of the others, over AMQP too."""
        host = urlsplit(url).hostname
        amqp_url = self.amqp_url
        if amqp_url is not None:
            hosts = {secret: urlsplit(secret.reveal()).hostname for secret in amqp_url}
            amqp_url = tuple(sorted(amqp_url, key=lambda secret: hosts[secret] != host))
        others = tuple(other for other in self.url if other != url)
        return self.model_copy(update={"url": (url, *others), "amqp_url": amqp_url})

    @property
    def amqp_urls(self) -> tuple[str, ...]:
        """The addresses over AMQP, in the order in which they are asked; they may hold user and password."""
        if self.amqp_url is not None:
            return tuple(secret.reveal() for secret in self.amqp_url)
        found = []
        for url in self.url:
            parts = urlsplit(url)
            host = parts.hostname or ""
            found.append(f"{_AMQP[parts.scheme]}://{f'[{host}]' if ':' in host else host}")
        return tuple(dict.fromkeys(found))


def _parts(url: object) -> SplitResult | None:
    """Give the parts of a URL, None where it is none."""
    try:
        return urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return None


def _is_at_a_host(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:  # the port is no number, or beyond 65535
        return False
    return parts.scheme in schemes and bool(parts.hostname) and has_port and not parts.query
