"""What can be configured, all of it by environment variables named ``BIZOPS_STACK_<FIELD>``."""

from __future__ import annotations

import dataclasses
import difflib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stack.errors import StackError
from stack.versions import RABBITMQ, REDIS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "BIZOPS_STACK_"
LABEL = "bizops.stack"
MAX_PORT = 65535
NAME_PATTERN = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


def _setting(default: str | int, meaning: str, choices: Iterable[str] = ()) -> Any:  # noqa: ANN401 - as dataclasses.field
    return field(default=default, metadata={"meaning": meaning, "choices": tuple(choices)})


@dataclass(frozen=True)
class Settings:
    """Names, ports (all on 127.0.0.1), versions and images of the stack.

    An image that is set is taken as it is: found in the engine or pulled, never built instead.
    """

    prefix: str = _setting("", "put before the name of every container and volume")
    network: str = _setting("dokploy-network", "name of the attachable overlay network")
    rabbitmq_port: int = _setting(5672, "RabbitMQ, AMQP")
    rabbitmq_management_port: int = _setting(15672, "RabbitMQ, management API")
    rabbitmq_310_port: int = _setting(5673, "RabbitMQ 3.10, AMQP")
    rabbitmq_310_management_port: int = _setting(15673, "RabbitMQ 3.10, management API")
    rabbitmq_1_port: int = _setting(5674, "first node of the RabbitMQ cluster, AMQP")
    rabbitmq_1_management_port: int = _setting(15674, "first node, management API")
    rabbitmq_2_port: int = _setting(5675, "second node of the RabbitMQ cluster, AMQP")
    rabbitmq_2_management_port: int = _setting(15675, "second node, management API")
    rabbitmq_3_port: int = _setting(5676, "third node of the RabbitMQ cluster, AMQP")
    rabbitmq_3_management_port: int = _setting(15676, "third node, management API")
    kafka_1_port: int = _setting(9092, "first Kafka broker")
    kafka_2_port: int = _setting(9093, "second Kafka broker")
    kafka_3_port: int = _setting(9094, "third Kafka broker")
    redis_port: int = _setting(6379, "Redis")
    registry_port: int = _setting(5000, "image registry")
    llm_port: int = _setting(8089, "stub of a model provider, OpenAI's and Anthropic's API")
    smollm2_port: int = _setting(8090, "a small real model, OpenAI's API")
    kafka_version: str = _setting("4.3.0", "Kafka, as image tag and as version of the jars")
    rabbitmq_version: str = _setting("4.0", "RabbitMQ", RABBITMQ)
    rabbitmq_cluster_version: str = _setting("4.0", "RabbitMQ of the cluster", RABBITMQ)
    redis_version: str = _setting("8", "Redis", REDIS)
    rabbitmq_image: str = _setting("", "RabbitMQ (else rabbitmq:<version>-management, or built)")
    rabbitmq_cluster_image: str = _setting(
        "", "RabbitMQ of the cluster (else rabbitmq:<version>-management, or built)"
    )
    rabbitmq_310_image: str = _setting(
        "", "RabbitMQ 3.10 (else rabbitmq:3.10-management, or built)"
    )
    kafka_image: str = _setting("", "Kafka (else apache/kafka:<kafka_version>, or built)")
    redis_image: str = _setting("", "Redis (else redis:<redis_version>, or built)")
    registry_image: str = _setting("", "image registry (else registry:2, or built)")
    base_image: str = _setting("", "base of images for services (else python:3.13-slim, or built)")

    @property
    def label(self) -> str:
        """The label, ``bizops.stack=<prefix>``, of everything that this stack makes in the engine."""
        return f"{LABEL}={self.prefix}"


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings from an environment; an empty value counts as unset.

    Raises StackError naming every fault at once: a variable with our prefix that we do not
    know, a port that is none, a port used twice, a name that Docker does not take.
    """
    fields = {PREFIX + f.name.upper(): f for f in dataclasses.fields(Settings)}
    faults: list[str] = []
    values: dict[str, str | int] = {}
    for name, text in sorted(environment.items()):
        if not name.startswith(PREFIX) or not text:
            continue
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=1)
            faults.append(
                f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else "")
            )
            continue
        entry = fields[name]
        if isinstance(entry.default, int):
            if not text.isdecimal() or not 0 < int(text) <= MAX_PORT:
                faults.append(f"{name} is {text!r}: a port is a number from 1 to {MAX_PORT}")
                continue
            values[entry.name] = int(text)
        elif entry.name in {"prefix", "network"} and not NAME_PATTERN.fullmatch(text):
            faults.append(f"{name} is {text!r}: letters, digits, '_', '.' and '-' only")
        elif (choices := entry.metadata["choices"]) and text not in choices:
            faults.append(f"{name} is {text!r}: the versions are {', '.join(choices)}")
        else:
            values[entry.name] = text
    settings = Settings(**values)  # type: ignore[arg-type] # each value was checked by its default
    faults += _ports_used_twice(settings)
    if faults:
        message = "settings: " + "; ".join(faults)
        raise StackError(message, "correct or unset these environment variables")
    return settings


def is_default(name: str, value: str) -> bool:
    """Tell whether a setting has this value where nobody sets it."""
    return value == Settings.__dataclass_fields__[name].default


def _ports_used_twice(settings: Settings) -> list[str]:
    names_by_port: dict[int, list[str]] = {}
    for name, value in dataclasses.asdict(settings).items():
        if isinstance(value, int):
            names_by_port.setdefault(value, []).append(PREFIX + name.upper())
    return [
        f"port {port} is given to {' and '.join(names)}"
        for port, names in sorted(names_by_port.items())
        if len(names) > 1
    ]


def describe_settings() -> str:
    """Give one line per setting, as the help shows them: variable, default, meaning."""
    rows = [
        (PREFIX + f.name.upper(), str(f.default), _meaning(f)) for f in dataclasses.fields(Settings)
    ]
    width = max(len(row[0]) for row in rows)
    return "\n".join(
        f"  {name:<{width}}  {meaning}" + (f" [{default}]" if default else "")
        for name, default, meaning in rows
    )


def _meaning(entry: dataclasses.Field[Any]) -> str:
    choices = entry.metadata["choices"]
    return str(entry.metadata["meaning"]) + (f": {', '.join(choices)}" if choices else "")
