"""The parts of the stack as data: image, container, ports, files and data volume of each."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stack.debian import BOOKWORM, TRIXIE
from stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stack.settings import Settings

FILES = Path(__file__).parent / "files"
RECIPES = Path(__file__).parent / "images"
BROKERS = 3
# 16 bytes in URL-safe base64, as Kafka's cluster ids are; the same for every local stack.
CLUSTER_ID = "Yml6b3BzLXN0YWNrLTAwMQ"


@dataclass(frozen=True)
class Image:
    """Where a part's image comes from.

    ``reference`` is pulled where a registry answers. Otherwise ``recipe`` (a folder of
    ``stack/images``) is built on Debian ``suite``, unless the reference ``is_pinned`` by a
    setting.
    """

    reference: str
    recipe: str
    suite: str = TRIXIE
    is_pinned: bool = False
    arguments: Mapping[str, str] = field(default_factory=dict)

    def read_recipe(self) -> dict[str, bytes]:
        """Give the recipe's files by name; none for the base, which is no recipe's."""
        folder = RECIPES / self.recipe
        return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}


@dataclass(frozen=True)
class Part:
    """One container of the stack.

    ``ports`` maps container ports to ports of 127.0.0.1, ``files`` paths in the container to
    (content, mode). ``volume`` is the folder that keeps the data, if there is any. ``version`` is what to show
    for a service that does not tell its version itself, ``label`` (KEY=VALUE) marks what the
    stack made.
    """

    name: str
    container: str
    service: str
    label: str
    image: Image
    ports: Mapping[int, int]
    volume: str = ""
    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    is_optional: bool = False
    version: str = ""

    @property
    def volume_name(self) -> str:
        """The named volume that outlives the container."""
        return f"bizops-stack-{self.container}"

    @property
    def fingerprint(self) -> str:
        """A digest of everything that a container of this part is made from."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode())
        for name, content in self.image.read_recipe().items():
            digest.update(name.encode() + content)
        return digest.hexdigest()[:16]


def plan_parts(settings: Settings, extra: tuple[str, ...] = ()) -> tuple[Part, ...]:
    """Give the parts to start: all that are not optional, and the optional ones in ``extra``.

    Raises StackError when ``extra`` names no part.
    """
    parts = list_parts(settings)
    unknown = sorted(set(extra) - {part.name for part in parts})
    if unknown:
        names = ", ".join(part.name for part in parts)
        message = f"there is no part called {', '.join(unknown)}"
        raise StackError(message, f"the parts are {names}")
    return tuple(part for part in parts if not part.is_optional or part.name in extra)


def list_parts(settings: Settings) -> tuple[Part, ...]:
    """Give every part, the optional ones too, in the order in which people read them."""
    return (
        _rabbitmq(settings),
        *(_kafka(settings, number) for number in range(1, BROKERS + 1)),
        _redis(settings),
        _registry(settings),
        _llm(settings),
        _rabbitmq_310(settings),
        _smollm2(settings),
    )


def base_image(settings: Settings) -> Image:
    """Give the base of images for services: Debian trixie or Python's own image."""
    return _image(settings.base_image, "python:3.13-slim", "base")


def _image(pinned: str, reference: str, recipe: str, suite: str = TRIXIE) -> Image:
    return Image(pinned or reference, recipe, suite, is_pinned=bool(pinned))


def _read(name: str) -> str:
    return (FILES / name).read_text(encoding="utf-8")


def _rabbitmq(settings: Settings) -> Part:
    return Part(
        name="rabbitmq",
        container=f"{settings.prefix}rabbitmq",
        service="rabbitmq",
        label=settings.label,
        image=_image(settings.rabbitmq_image, "rabbitmq:4-management", "rabbitmq"),
        ports={5672: settings.rabbitmq_port, 15672: settings.rabbitmq_management_port},
        volume="/var/lib/rabbitmq",
        files=_rabbitmq_files(),
    )


def _rabbitmq_310(settings: Settings) -> Part:
    image = _image(settings.rabbitmq_310_image, "rabbitmq:3.10-management", "rabbitmq", BOOKWORM)
    return Part(
        name="rabbitmq-310",
        container=f"{settings.prefix}rabbitmq-310",
        service="rabbitmq",
        label=settings.label,
        image=image,
        ports={5672: settings.rabbitmq_310_port, 15672: settings.rabbitmq_310_management_port},
        volume="/var/lib/rabbitmq",
        files=_rabbitmq_files(),
        is_optional=True,
    )


def _rabbitmq_files() -> dict[str, tuple[str, int]]:
    return {
        "/etc/rabbitmq/conf.d/90-bizops.conf": (_read("rabbitmq/90-bizops.conf"), 0o644),
        "/etc/rabbitmq/enabled_plugins": (_read("rabbitmq/enabled_plugins"), 0o644),
    }


def _kafka(settings: Settings, number: int) -> Part:
    ports = (settings.kafka_1_port, settings.kafka_2_port, settings.kafka_3_port)
    names = [f"{settings.prefix}kafka-{n}" for n in range(1, BROKERS + 1)]
    properties = _read("kafka/server.properties")
    for placeholder, value in {
        "@NODE_ID@": str(number),
        "@VOTERS@": ",".join(f"{n}@{name}:29093" for n, name in enumerate(names, 1)),
        "@HOST@": names[number - 1],
        "@PORT@": str(ports[number - 1]),
    }.items():
        properties = properties.replace(placeholder, value)
    reference = f"apache/kafka:{settings.kafka_version}"
    return Part(
        name=f"kafka-{number}",
        container=names[number - 1],
        service="kafka",
        label=settings.label,
        image=Image(
            reference=settings.kafka_image or reference,
            recipe="kafka",
            is_pinned=bool(settings.kafka_image),
            arguments={"KAFKA_VERSION": settings.kafka_version},
        ),
        ports={9092: ports[number - 1]},
        volume="/var/lib/kafka/data",
        files={
            "/etc/kafka/server.properties": (properties, 0o644),
            "/etc/kafka/log4j2.properties": (_read("kafka/log4j2.properties"), 0o644),
            "/usr/local/bin/kafka-start": (_read("kafka/kafka-start"), 0o755),
            "/usr/local/bin/kafka-topics": (_read("kafka/kafka-tool"), 0o755),
            "/usr/local/bin/kafka-configs": (_read("kafka/kafka-tool"), 0o755),
        },
        command=("/usr/local/bin/kafka-start",),
        environment={"CLUSTER_ID": CLUSTER_ID},
        user="0",
        version=settings.kafka_image or settings.kafka_version,
    )


def _redis(settings: Settings) -> Part:
    return Part(
        name="redis",
        container=f"{settings.prefix}redis",
        service="redis",
        label=settings.label,
        image=_image(settings.redis_image, "redis:7", "redis"),
        ports={6379: settings.redis_port},
        volume="/data",
        command=(
            "redis-server",
            *("--bind", "0.0.0.0", "--protected-mode", "no"),  # noqa: S104 - inside the container
            *("--dir", "/data", "--appendonly", "yes"),
        ),
    )


def _registry(settings: Settings) -> Part:
    return Part(
        name="registry",
        container=f"{settings.prefix}registry",
        service="registry",
        label=settings.label,
        image=_image(settings.registry_image, "registry:2", "registry"),
        ports={5000: settings.registry_port},
        volume="/var/lib/registry",
        files={"/etc/docker/registry/config.yml": (_read("registry/config.yml"), 0o644)},
    )


def _smollm2(settings: Settings) -> Part:
    return Part(
        name="smollm2",
        container=f"{settings.prefix}smollm2",
        service="smollm2",
        label=settings.label,
        image=Image("bizops-stack/smollm2", "smollm2"),
        ports={8080: settings.smollm2_port},
        is_optional=True,
        version="135M",
    )


def _llm(settings: Settings) -> Part:
    return Part(
        name="llm",
        container=f"{settings.prefix}llm",
        service="llm",
        label=settings.label,
        image=base_image(settings),
        ports={8089: settings.llm_port},
        files={"/opt/llm/server.py": (_read("llm/server.py"), 0o644)},
        command=("python3", "/opt/llm/server.py"),
        user="65534",
        version="stub",
    )
