"""Handles on the stack's servers: what tests and drills do to a server, by the name of its part."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from docker.errors import APIError

from stack.containers import STOP_SECONDS, find_container, start_container
from stack.engine import connect
from stack.errors import StackError
from stack.health import ask
from stack.parts import list_parts
from stack.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docker import DockerClient
    from docker.models.containers import Container

    from stack.parts import Part
    from stack.settings import Settings

# `rabbitmqctl` waits up to a minute for a node that does not answer, and says nothing meanwhile.
COMMAND_SECONDS = 300.0
# Drops the lines of /etc/hosts that lead from name $2 to another address than $1; the file itself is a mount.
HOSTS = """lines=$(awk -v a="$1" -v n="$2" '$2 != n || $1 == a' /etc/hosts) && echo "$lines" > /etc/hosts"""
# A broker with 2,100 topics reads them all before it serves: over two minutes on a busy machine.
HEALTHY_SECONDS = 300.0
POLL_SECONDS = 0.2
FREEZE_ATTEMPTS, FREEZE_PAUSE_SECONDS = 10, 0.5


class Server:
    """One server of a stack: its container, which has to be one that the stack made.

    Every method raises StackError where there is no such container, or where the engine or the
    command refuses, in their own words.
    """

    def __init__(self, client: DockerClient, part: Part, network: str) -> None:
        """Act on ``part``'s container, which hangs on ``network``."""
        self._client = client
        self._network = network
        self.part = part

    @property
    def name(self) -> str:
        """The name of its container, and its host name on the stack's network."""
        return self.part.container

    def port(self, inner: int) -> int:
        """Give the port of 127.0.0.1 at which a port of the container is published."""
        return self.part.ports[inner]

    def state(self) -> str:
        """Give the container's state in the engine's words, such as `running` or `exited`."""
        return str(self._container().status)

    def start(self) -> None:
        """Start it; does not wait until it serves."""
        self._do(lambda: start_container(self._container()))

    def stop(self, seconds: int = STOP_SECONDS) -> None:
        """Stop it in good order, and with SIGKILL after so many seconds."""
        self._do(lambda: self._container().stop(timeout=seconds))

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._do(lambda: self._container().kill())

    def pause(self) -> None:
        """Freeze its processes; its connections stay open and nothing answers.

        On a busy machine an engine with cgroups v1 may say `unable to freeze`, and is able a moment later.
        """
        for _ in range(FREEZE_ATTEMPTS - 1):
            try:
                self._do(lambda: self._container().pause())
            except StackError:
                time.sleep(FREEZE_PAUSE_SECONDS)
            else:
                return
        self._do(lambda: self._container().pause())

    def unpause(self) -> None:
        """Let its processes go on."""
        self._do(lambda: self._container().unpause())

    def disconnect(self) -> None:
        """Cut it from the stack's network; the engine withdraws its published ports as well."""
        network = self._client.networks.get(self._network)
        self._do(lambda: network.disconnect(self._container()))

    def connect(self) -> None:
        """Put it back on the stack's network, with its published ports."""
        network = self._client.networks.get(self._network)
        self._do(lambda: network.connect(self._container()))
        # The engine gives it another address, and leaves the former one in /etc/hosts before it.
        attached = self._container().attrs["NetworkSettings"]["Networks"][self._network]
        self._run(("sh", "-c", HOSTS, "sh", attached["IPAddress"], self.name), user="0")

    def run(self, *command: str) -> str:
        """Run a command inside it, such as `rabbitmqctl list_queues`, and give its standard output."""
        return self._run(command)

    def _run(self, command: tuple[str, ...], user: str = "") -> str:
        container = self._container()
        try:
            done = container.exec_run(list(command), demux=True, user=user)
        except APIError as error:
            raise self._refusal(str(error.explanation)) from error
        streams: Any = (
            done.output
        )  # a pair of bytes or None, which the types of docker-py do not say
        output, errors = ((stream or b"").decode(errors="replace") for stream in streams)
        if done.exit_code != 0:
            words = (errors or output).strip()
            message = (
                f"{self.part.name}: `{' '.join(command)}` exited with {done.exit_code}: {words}"
            )
            raise StackError(message)
        return output

    def wait(self, seconds: float = HEALTHY_SECONDS) -> None:
        """Wait until it serves, as a start of the stack asks it; raises StackError after so many seconds."""
        deadline = time.monotonic() + seconds
        while not (health := ask(self.part)).is_healthy:
            if time.monotonic() > deadline:
                message = f"{self.part.name}: not healthy after {seconds:.0f} s: {health.detail}"
                raise StackError(message, f"python -m stack logs {self.part.name}")
            time.sleep(POLL_SECONDS)

    def _container(self) -> Container:
        container = find_container(self._client, self.part)
        if container is None:
            message = f"{self.part.name}: there is no container {self.part.container}"
            raise StackError(message, "python -m stack start")
        return container

    def _do(self, action: Callable[[], object]) -> None:
        try:
            action()
        except APIError as error:
            raise self._refusal(str(error.explanation)) from error

    def _refusal(self, words: str) -> StackError:
        return StackError(f"{self.part.name}: the engine refused: {words}")


def list_servers(settings: Settings) -> dict[str, Server]:
    """Give a handle on every part by its name, whether its container is there or not; raises StackError."""
    client = connect(COMMAND_SECONDS)
    return {part.name: Server(client, part, settings.network) for part in list_parts(settings)}


def open_servers(environment: Mapping[str, str] = os.environ) -> dict[str, Server]:
    """Give the handles of the stack that the environment describes (`BIZOPS_STACK_...`)."""
    return list_servers(load_settings(environment))
