"""Containers of the parts: created, started, unpaused or made anew, whatever state they are in."""

from __future__ import annotations

import io
import re
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from docker.errors import APIError, NotFound
from docker.types import Mount

from stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from docker import DockerClient
    from docker.models.containers import Container

    from stack.images import Images
    from stack.parts import Part
    from stack.report import Step

PART_LABEL = "bizops.stack.part"
FINGERPRINT_LABEL = "bizops.stack.fingerprint"
STOP_SECONDS = 10
ATTACH_SECONDS = 30.0
POLL_SECONDS = 0.5
NETWORK_NOT_FOUND = re.compile(r"network \S+ not found")


def find_container(client: DockerClient, part: Part) -> Container | None:
    """Give the part's container in whatever state, or None.

    Raises StackError when a container of that name was not made by the stack.
    """
    try:
        container = client.containers.get(part.container)
    except NotFound:
        return None
    key, _, value = part.label.partition("=")
    if container.labels.get(key) != value:
        message = (
            f"{part.name}: a container called {part.container} exists that the stack did not make"
        )
        raise StackError(message, "remove it, or set BIZOPS_STACK_PREFIX to use other names")
    return container


def check_names(client: DockerClient, parts: Iterable[Part]) -> None:
    """See that no container of somebody else has a part's name; raises StackError."""
    for part in parts:
        find_container(client, part)


def ensure_container(
    client: DockerClient, part: Part, network: tuple[str, str], images: Images, step: Step
) -> None:
    """See that the part's container runs as described, in ``network`` (name and id).

    One that was made from another description, is dead or hangs on a network that is gone is
    made anew; its data is in a volume. Raises StackError.
    """
    container = find_container(client, part)
    try:
        if container is None or not _is_usable(container, part, network):
            # The image first: the old container serves while it is fetched or built.
            image = images.ensure(part.image, step)
            if container is not None:
                step.note("making its container anew")
                container.remove(v=True, force=True)
            container = _create(client, part, network[0], image)
        if container.status == "paused":
            step.note("unpausing")
            container.unpause()
        elif container.status != "running":
            step.note("starting")
            start_container(container)
    except APIError as error:
        message = f"{part.name}: the engine refused: {error.explanation}"
        raise StackError(message, f"python -m stack logs {part.name}") from error


def start_container(container: Container) -> None:
    """Start it, again for half a minute while the engine says that its network is not found; raises APIError.

    An engine that was killed ends its old attachments to an overlay network once it is up, and
    the network leaves the node with each; a container that starts meanwhile is refused
    (seen with engine 28.2.2).
    """
    deadline = time.monotonic() + ATTACH_SECONDS
    while True:
        try:
            container.start()
        except APIError as error:
            is_withdrawn = NETWORK_NOT_FOUND.search(str(error.explanation)) is not None
            if not is_withdrawn or time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)
        else:
            return


def drop_container(client: DockerClient, part: Part) -> None:
    """Remove the part's container and its data volume."""
    container = find_container(client, part)
    if container is not None:
        container.remove(v=True, force=True)
    client.volumes.get(part.volume_name).remove()


def _is_usable(container: Container, part: Part, network: tuple[str, str]) -> bool:
    attached = container.attrs["NetworkSettings"]["Networks"].get(network[0])
    return (
        container.labels.get(FINGERPRINT_LABEL) == part.fingerprint
        and container.status in {"created", "running", "paused", "restarting", "exited"}
        and attached is not None
        and attached["NetworkID"] in {"", network[1]}
    )


def _create(client: DockerClient, part: Part, network: str, image: str) -> Container:
    key, _, value = part.label.partition("=")
    container = client.containers.create(
        image,
        name=part.container,
        hostname=part.container,
        network=network,
        command=list(part.command) or None,
        environment=dict(part.environment),
        user=part.user or None,
        ports={f"{inner}/tcp": ("127.0.0.1", outer) for inner, outer in part.ports.items()},
        mounts=[Mount(part.volume, part.volume_name, type="volume", labels={key: value})]
        if part.volume
        else [],
        labels={key: value, PART_LABEL: part.name, FINGERPRINT_LABEL: part.fingerprint},
    )
    if part.files:
        container.put_archive("/", _pack(part))
    return container


def _pack(part: Part) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, (text, mode) in part.files.items():
            content = text.encode()
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def remove_containers(client: DockerClient, label: str, step: Step) -> None:
    """Stop and remove every container with the stack's label; their volumes stay.

    All at once: a Kafka broker that is the last to go waits for the others in vain.
    """
    found = client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
    if not found:
        return
    step.note(f"stopping {', '.join(sorted(str(container.name) for container in found))}")
    with ThreadPoolExecutor(len(found)) as pool:
        list(pool.map(_remove, found))


def _remove(container: Container) -> None:
    if container.status == "paused":
        container.unpause()
    container.stop(timeout=STOP_SECONDS)
    container.remove(v=True, force=True)


def remove_volumes(client: DockerClient, label: str, step: Step) -> None:
    """Remove every data volume with the stack's label."""
    for volume in client.volumes.list(filters={"label": label}):
        step.note(f"dropping the data of {volume.name}")
        volume.remove()
