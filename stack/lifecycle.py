"""Bringing the whole stack up, down, and back to nothing."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from stack.cluster import Cluster
from stack.containers import (
    check_names,
    drop_container,
    ensure_container,
    remove_containers,
    remove_volumes,
)
from stack.debian import TRIXIE, RootFileSystems
from stack.engine import connect, ensure_engine, stop_engine
from stack.errors import StackError
from stack.health import ask
from stack.images import Images
from stack.network import ensure_network, ensure_swarm, leave_swarm, remove_network
from stack.parts import plan_parts
from stack.placeholder import ensure_placeholder, placeholder_names
from stack.ports import check_ports
from stack.servers import HEALTHY_SECONDS, Server
from stack.status import observe_part, observe_parts
from stack.worker_image import (
    ensure_worker_image,
    local_registry,
    push_worker_image,
    worker_names,
)

if TYPE_CHECKING:
    from docker import DockerClient

    from stack.parts import Part
    from stack.report import Report, Step
    from stack.settings import Settings
    from stack.state import State

CHECK_SECONDS = 10.0
POLL_SECONDS = 0.2
# Maven says nothing while it fetches jars, on a slow line for minutes.
BUILD_SILENCE_SECONDS = 1800


class Start:
    """One start of the stack: the parts that share an image go together, the others beside them."""

    def __init__(self, settings: Settings, state: State, report: Report) -> None:
        """Prepare a start with these settings."""
        self._settings = settings
        self._state = state
        self._report = report
        self._debian = RootFileSystems(state, report)

    def start(self, extra: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> None:
        """Bring up engine, swarm, network and the parts of `plan_parts`, healthy; raises StackError.

        What is up already is left untouched.
        """
        parts = plan_parts(self._settings, extra, only)
        with self._report.step("engine", "answers") as step:
            client = ensure_engine(self._state, step, lambda: self._debian.begin(TRIXIE, step))
        check_names(client, parts)
        check_ports(client, parts)
        with self._report.step("swarm", "ready") as step:
            ensure_swarm(client, self._state, step)
        with self._report.step("network", "ready") as step:
            name = self._settings.network
            self._network = (name, ensure_network(client, self._settings, step))
        self._images = Images(connect(BUILD_SILENCE_SECONDS), self._state, self._debian)
        groups: dict[tuple[str, str], list[Part]] = {}
        for part in parts:
            groups.setdefault((part.image.reference, part.image.suite), []).append(part)
        pool = ThreadPoolExecutor(len(groups))
        started = [pool.submit(self._start_group, group) for group in groups.values()]
        # A part that fails does not stop the others: what they built is there next time.
        failures = [failure for future in started if (failure := future.exception())]
        self._debian.finish()
        for failure in failures[1:]:
            self._report.say(failure.render() if isinstance(failure, StackError) else str(failure))
        if failures:
            raise failures[0]
        _check_all(client, parts)

    def _start_group(self, parts: list[Part]) -> None:
        client = connect()
        for part in parts:
            with self._report.step(part.name, "started") as step:
                ensure_container(client, part, self._network, self._images, step)
        nodes = [part for part in parts if part.service == "rabbitmq-cluster"]
        if nodes:
            self._form_cluster(client, nodes)
        for part in parts:
            with self._report.step(part.name, "serves") as step:
                self._wait_healthy(client, part, step)
        if parts[0].service == "registry":
            with self._report.step("placeholder image", "pushed") as step:
                ensure_placeholder(self._settings, self._images, step)

    def _form_cluster(self, client: DockerClient, nodes: list[Part]) -> None:
        with self._report.step(nodes[0].cluster, "formed") as step:

            def renew(server: Server) -> None:
                drop_container(client, server.part)
                ensure_container(client, server.part, self._network, self._images, step)

            servers = [Server(client, part, self._network[0]) for part in nodes]
            Cluster(servers, step, renew).form()

    def _wait_healthy(self, client: DockerClient, part: Part, step: Step) -> None:
        began = time.monotonic()
        while not ask(part).is_healthy:
            if not step.last:
                step.note("waiting until it serves")
            container = client.containers.get(part.container)
            seconds = time.monotonic() - began
            if container.status != "running" or seconds > HEALTHY_SECONDS:
                log = self._state.logs / f"{part.name}.log"
                log.write_bytes(container.logs(tail=200))
                message = f"{part.name}: {observe_part(client, part).health}"
                raise StackError(message, "correct the cause; start again", log)
            time.sleep(POLL_SECONDS)


def _check_all(client: DockerClient, parts: tuple[Part, ...]) -> None:
    """See that every part is still up: one may have died while others were waited for; raises StackError.

    One that does not answer is asked again for some seconds: a busy machine is no fault.
    """
    # Whoever asks for an optional part wants it up.
    wanted = [replace(part, is_optional=False) for part in parts]
    deadline = time.monotonic() + CHECK_SECONDS
    while down := [row for row in observe_parts(client, wanted) if not row.is_healthy]:
        if time.monotonic() > deadline:
            message = "not up: " + "; ".join(f"{row.part}: {row.health}" for row in down)
            raise StackError(message, f"python -m stack logs {down[0].part}; then start again")
        time.sleep(POLL_SECONDS)


def build_worker_image(settings: Settings, state: State, report: Report) -> str:
    """Give the name of the workers' image, built where it is not there yet; raises StackError."""
    with report.step("worker image", "ready") as step:
        return ensure_worker_image(settings, _images(state, report), step)


def publish_worker_image(
    settings: Settings, state: State, report: Report, registry: str
) -> tuple[str, ...]:
    """Push the workers' image to `registry`, HOST/PATH, or to the local one; gives its names there."""
    with report.step("worker image", "pushed") as step:
        where = registry or local_registry(settings)
        return push_worker_image(settings, _images(state, report), where, step)


def _images(state: State, report: Report) -> Images:
    return Images(connect(BUILD_SILENCE_SECONDS), state, RootFileSystems(state, report))


def stop(settings: Settings, state: State, report: Report) -> None:
    """Undo what the stack did, keeping data; what it did not make stays as it is."""
    _take_down(settings, state, report, is_reset=False, drops_images=False)


def reset(settings: Settings, state: State, report: Report, *, drops_images: bool) -> None:
    """Undo what the stack did and drop its data: volumes, its swarm, and if asked its images."""
    _take_down(settings, state, report, is_reset=True, drops_images=drops_images)


def _take_down(
    settings: Settings, state: State, report: Report, *, is_reset: bool, drops_images: bool
) -> None:
    try:
        client = connect()
    except StackError:
        if is_reset and shutil.which("dockerd") is not None:
            message = "reset: the engine does not run, so its data cannot be dropped"
            raise StackError(message, "start first, then reset") from None
        report.say("engine: it does not run; nothing to undo")
        return
    with report.step("containers", "stopped and removed") as step:
        remove_containers(client, settings.label, step)
    if is_reset:
        with report.step("volumes", "dropped") as step:
            remove_volumes(client, settings.label, step)
    if drops_images:
        with report.step("images", "removed") as step:
            images = Images(client, state, RootFileSystems(state, report))
            images.remove_built([*placeholder_names(settings), *worker_names(settings)], step)
            shutil.rmtree(state.cache)
    with report.step("swarm", "left") as step:
        leave_swarm(client, state, step, is_forced=is_reset)
    with report.step("network", "removed") as step:
        remove_network(client, settings, step)
    with report.step("engine", "stopped") as step:
        stop_engine(client, state, step)
    if state.record.packages:
        packages = " ".join(state.record.packages)
        report.say(f"engine: the installed packages stay; `apt-get purge {packages}` removes them")
