"""What the topology file may say about Kafka: topics, and how to reach the cluster."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from bizops.providers.kafka.declared import configs
from bizops.resource import Path, Secret, Spec

_SECRET = re.compile(
    r"password|secret|passphrase|key\.pem|jaas|assertion|^sasl\.oauthbearer\.config$"
)
_SERVER = re.compile(r"(?:[A-Za-z_]+://)?(?:\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+)(?::([0-9]{1,9}))?")
_PROTOCOLS = ("plaintext://", "ssl://", "sasl_plaintext://", "sasl_ssl://")
_TOO_HIGH = 65536
_SERVERS = "bootstrap.servers"
_MOST_PARTITIONS = 100_000
_MOST_REPLICAS = 10_000
"""What librdkafka takes for one topic (2.x: `RD_KAFKAP_PARTITIONS_MAX`, `RD_KAFKAP_BROKERS_MAX`)."""

_Pairs = tuple[tuple[str, Any], ...]
Undeclared = Literal["keep", "reset"]


def _count(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    if isinstance(value, bool | float):
        message = f"write a whole number, not {str(value).lower()}"
        raise ValueError(message)  # noqa: TRY004 - pydantic reports ValueError only
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,40}", value.strip()):
        return int(value)
    return value


def _pairs(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    if isinstance(value, tuple):
        return value
    if not isinstance(value, dict):
        message = "write a map of config names and values, such as {retention.ms: 7d}"
        raise ValueError(message)  # noqa: TRY004 - pydantic reports ValueError only
    pairs: list[tuple[str, configs.Value]] = []
    problems: dict[str, str] = {}
    for key, item in value.items():
        name = str(key)
        try:
            if problem := configs.key_problem(name):
                problems[name] = problem
            elif item is not None:
                pairs.append((name, configs.normalised(name, item)))
        except ValueError as error:
            problems[name] = str(error)
    _report("configs", problems)
    return tuple(sorted(pairs))


def _report(title: str, problems: dict[str, str]) -> None:
    """Raise one error for each key, placed at that key, without its value: it may be a credential."""
    if problems:
        raise ValidationError.from_exception_data(
            title,
            [
                InitErrorDetails(
                    type=PydanticCustomError("setting", "{words}", {"words": words}),
                    loc=(key,),
                    input=None,
                )
                for key, words in problems.items()
            ],
        )


class TopicSpec(Spec):
    """A topic. What is left out is not managed, and taken from the broker's defaults at creation."""

    partitions: Annotated[int, Field(ge=1, le=_MOST_PARTITIONS), BeforeValidator(_count)] | None = (
        Field(
            default=None,
            description="Number of partitions, such as 3. It can grow in place and never shrink.",
            examples=[3],
        )
    )
    replication_factor: (
        Annotated[int, Field(ge=1, le=_MOST_REPLICAS), BeforeValidator(_count)] | None
    ) = Field(
        default=None,
        description="Copies of each partition, on as many brokers, such as 2. It cannot be changed afterwards.",
        examples=[2],
    )
    configs: Annotated[
        _Pairs,
        BeforeValidator(_pairs),
        WithJsonSchema(
            {
                "type": "object",
                "additionalProperties": {
                    "anyOf": [
                        {"type": "string"},
                        {"type": "number"},
                        {"type": "boolean"},
                        {"type": "array", "items": {"type": "string"}},
                        {"type": "null"},
                    ]
                },
            }
        ),
    ] = Field(
        default=(),
        description=(
            "Topic configs by Kafka's names; only these keys are managed. Names that end in .ms take durations (7d),"
            " those that end in .bytes take sizes (64MiB); plain numbers work as well, -1 too."
        ),
        examples=[{"retention.ms": "7d", "cleanup.policy": "delete"}],
    )
    undeclared_configs: Undeclared | None = Field(
        default=None,
        description="What happens to a config that is set live and not declared here; the section's where left out.",
    )

    def fields(self) -> dict[Path, Any]:
        """Give every managed setting by its path, one for each config key."""
        plain: dict[Path, Any] = {
            (name,): value
            for name in ("partitions", "replication_factor")
            if (value := getattr(self, name)) is not None
        }
        return plain | {("configs", key): value for key, value in self.configs}

    def config(self, key: str) -> Any:  # noqa: ANN401 - a config value of any type
        """Give a declared config value, or None."""
        return dict(self.configs).get(key)


class Expect(Spec):
    """Which cluster this must be; another one stops everything."""

    cluster_id: str = Field(min_length=1, description="The cluster's id, as Kafka reports it.")


class Connection(Spec):
    """How to reach the cluster: librdkafka's configuration names, verbatim.

    Every further key is passed on as it is, such as `security.protocol`, `sasl.mechanism` or `ssl.ca.location`.
    Values of keys that hold credentials are hidden.
    """

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    bootstrap_servers: str = Field(
        alias="bootstrap.servers",
        description="One or more brokers to ask first, such as kafka-1:9092,kafka-2:9092.",
        examples=["127.0.0.1:9092"],
    )
    expect: Expect | None = Field(
        default=None, description="Which cluster this must be; another one stops everything."
    )

    @model_validator(mode="before")
    @classmethod
    def _settings(cls, given: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
        if not isinstance(given, dict):
            return given
        problems: dict[str, str] = {}
        settled: dict[str, Any] = {}
        for key, value in given.items():
            if value is None:
                continue
            settled[key] = value
            if key in {"expect", "bootstrap_servers"}:
                continue
            if "_" in str(key):
                problems[key] = f"unknown key: did you mean {key.replace('_', '.')}?"
            elif isinstance(value, dict) or (isinstance(value, list) and key != _SERVERS):
                problems[key] = "write one value"
            elif key == _SERVERS:
                settled[key] = ",".join(_servers(value))
                if problem := _server_problem(_servers(value)):
                    problems[key] = problem
            else:
                settled[key] = _setting(str(key), value)
        _report("connection", problems)
        return settled

    def librdkafka(self) -> dict[str, str]:
        """Give the settings for the client, secrets revealed."""
        extra = self.__pydantic_extra__ or {}
        settings = {_SERVERS: self.bootstrap_servers, **extra}
        return {
            key: value.reveal() if isinstance(value, Secret) else value
            for key, value in settings.items()
        }


class Settings(Spec):
    """What the section says of all its topics."""

    undeclared_configs: Undeclared = Field(
        default="keep",
        description="Configs set live on a declared topic and not declared: kept, or reset to the broker's default.",
    )


def _setting(key: str, value: Any) -> str | Secret:  # noqa: ANN401 - a scalar of any type
    if isinstance(value, Secret):
        return value
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return Secret(text) if _SECRET.search(key) else text


def _servers(value: Any) -> list[str]:  # noqa: ANN401 - whatever YAML gives
    listed = value if isinstance(value, list | tuple) else str(value).split(",")
    return [str(server).strip() for server in listed if str(server).strip()]


def _server_problem(servers: list[str]) -> str:
    """Check each server: librdkafka takes port 99999 for 34463 and drops what it cannot read without a word."""
    for server in servers:
        if "://" in server and not server.lower().startswith(_PROTOCOLS):
            return f"{server!r}: write host:port, without a scheme"
        found = _SERVER.fullmatch(server)
        if not found or not 0 < int(found[1] or 9092) < _TOO_HIGH:
            return f"{server!r} is not host:port"
    return "" if servers else "name at least one broker, such as kafka-1:9092"
