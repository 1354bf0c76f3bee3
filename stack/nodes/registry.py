"""An image registry of the nodes' own, at 127.0.0.1:5000 of every node: they see no other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from docker.errors import DockerException
from docker.types import ConfigReference, EndpointSpec

from stack.errors import StackError
from stack.parts.model import FILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import DockerClient

    from stack.nodes.swarm import Swarm

NAME = "registry"
PORT = 5000
CONFIG = "/etc/docker/registry/config.yml"
READY_SECONDS = 60


def ensure_registry(swarm: Swarm, image: str, pushed: Mapping[str, str]) -> None:
    """Run a registry on every node, and push the same images to each.

    ``image`` is that of the registry; ``pushed`` gives for each repository and tag there, such as
    ``bizops/placeholder:1``, an image of this machine's engine. The ports are the nodes' own: the
    swarm's ingress needs a kernel with IPVS. Raises StackError.
    """
    swarm.load(image, *pushed.values())
    client = swarm.manager()
    if not client.services.list(filters={"name": NAME}):
        content = (FILES / "registry" / "config.yml").read_bytes()
        config = client.api.create_config(NAME, content)
        ports = {PORT: (PORT, "tcp", "host")}  # numbers, as the engine wants them
        client.services.create(  # type: ignore[no-untyped-call]
            image,
            name=NAME,
            mode={"Global": {}},
            configs=[ConfigReference(config["ID"], NAME, filename=CONFIG)],
            endpoint_spec=EndpointSpec(ports=ports),  # type: ignore[arg-type]
        )
    for node in swarm.nodes:
        engine = node.client(timeout=120)
        for name, source in pushed.items():
            target = f"127.0.0.1:{PORT}/{name}"
            engine.images.get(source).tag(target)
            _push(engine, target)


def _push(client: DockerClient, target: str) -> None:
    """Push until the registry serves; raises StackError with the engine's words after a minute."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            lines = list(client.images.push(target, stream=True, decode=True))
            fault = next((line["error"] for line in lines if "error" in line), "")
        except DockerException as error:
            fault = str(error)
        if not fault:
            return
        if time.monotonic() > deadline:
            message = f"nodes: {target} cannot be pushed: {fault}"
            raise StackError(message, "docker service ps registry, on node 1")
        time.sleep(0.5)
