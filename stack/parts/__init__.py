"""The parts of the stack as data: image, container, ports, files and data volume of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stack.errors import StackError
from stack.parts.kafka import kafka
from stack.parts.model import Image, Part, image, read
from stack.parts.rabbitmq import rabbitmq, rabbitmq_310, rabbitmq_cluster
from stack.settings import is_default
from stack.versions import REDIS

if TYPE_CHECKING:
    from stack.settings import Settings

__all__ = ["Image", "Part", "base_image", "list_parts", "plan_parts"]


def plan_parts(
    settings: Settings, extra: tuple[str, ...] = (), only: tuple[str, ...] = ()
) -> tuple[Part, ...]:
    """Give the parts to start: all that are not optional and those in ``extra``, or those in ``only`` alone.

    A cluster is asked for as a whole, by its name. Raises StackError when one of these names nothing.
    """
    parts = list_parts(settings)
    names = list(dict.fromkeys(part.cluster or part.name for part in parts))
    unknown = sorted({*extra, *only} - set(names))
    if unknown:
        message = f"there is no part called {', '.join(unknown)}"
        raise StackError(message, f"the parts are {', '.join(names)}")
    return tuple(
        part
        for part in parts
        if (part.cluster or part.name) in {*extra, *only} or not (only or part.is_optional)
    )


def list_parts(settings: Settings) -> tuple[Part, ...]:
    """Give every part, the optional ones too, in the order in which people read them."""
    return (
        rabbitmq(settings),
        *kafka(settings),
        _redis(settings),
        _registry(settings),
        _llm(settings),
        rabbitmq_310(settings),
        *rabbitmq_cluster(settings),
        _smollm2(settings),
    )


def base_image(settings: Settings) -> Image:
    """Give the base of images for services: Debian trixie or Python's own image."""
    return image(settings.base_image, "python:3.13-slim", "base")


def _redis(settings: Settings) -> Part:
    version = settings.redis_version
    return Part(
        name="redis",
        container=f"{settings.prefix}redis",
        service="redis",
        label=settings.label,
        image=image(settings.redis_image, f"redis:{version}", "redis", REDIS[version]),
        ports={6379: settings.redis_port},
        volume="/data",
        data_version="" if is_default("redis_version", version) else version,
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
        image=image(settings.registry_image, "registry:2", "registry"),
        ports={5000: settings.registry_port},
        volume="/var/lib/registry",
        files={"/etc/docker/registry/config.yml": (read("registry/config.yml"), 0o644)},
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
        files={"/opt/llm/server.py": (read("llm/server.py"), 0o644)},
        command=("python3", "/opt/llm/server.py"),
        user="65534",
        version="stub",
    )
