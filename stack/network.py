"""Swarm mode and the attachable overlay network that containers and services share."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, NotFound

from stack.errors import StackError

if TYPE_CHECKING:
    from docker import DockerClient

    from stack.report import Step
    from stack.settings import Settings
    from stack.state import State

ADVERTISED = "127.0.0.1"
REMOVAL_SECONDS = 10.0
POLL_SECONDS = 0.2
TASK_HISTORY = 20
"""Ended tasks that are kept for each slot. The engine 20.10.24 panics (`SetServiceTasksRemove`) where a service is
removed while an older task is dropped, and with the default of 5 one that keeps failing drops one every second."""


def ensure_swarm(client: DockerClient, state: State, step: Step) -> None:
    """See that the engine manages a swarm, making it a one-node swarm when it is in none.

    Says so before it does that to an engine it did not start. Raises StackError for an engine
    that is a worker of, or locked in, a swarm that is not ours to change.
    """
    swarm: dict[str, Any] = client.info()["Swarm"]
    condition = swarm["LocalNodeState"]
    if condition == "active" and swarm["ControlAvailable"]:
        return
    if condition != "inactive":
        role = "a worker of another swarm" if condition == "active" else condition
        message = f"swarm: this engine is {role}; the stack needs a swarm manager"
        raise StackError(
            message, "use another engine (DOCKER_HOST), or `docker swarm leave` yourself"
        )
    if not state.record.engine:
        step.report.say("swarm: making the running engine the manager of a new one-node swarm")
    step.note(f"initialising a one-node swarm on {ADVERTISED}")
    try:
        client.swarm.init(
            advertise_addr=ADVERTISED,
            listen_addr=f"{ADVERTISED}:2377",
            task_history_retention_limit=TASK_HISTORY,
        )
    except APIError as error:
        message = f"swarm: the engine refused to initialise one: {error.explanation}"
        raise StackError(message, "see whether port 2377 is free (`ss -ltnp`)") from error
    client.swarm.reload()
    state.write(replace(state.record, swarm=client.swarm.attrs["ID"]))


def ensure_network(client: DockerClient, settings: Settings, step: Step) -> str:
    """Give the id of the attachable overlay network, creating it when there is none.

    Raises StackError when a network of that name is of another sort.
    """
    name = settings.network
    for network in client.networks.list(names=[name]):
        if network.name != name:  # the engine matches parts of names
            continue
        attributes = network.attrs
        if attributes["Driver"] != "overlay" or not attributes["Attachable"]:
            message = f"network: {name} exists, but is not an attachable overlay network"
            raise StackError(message, "remove it, or set BIZOPS_STACK_NETWORK to another name")
        return str(network.id)
    step.note(f"creating the attachable overlay network {name}")
    key, _, value = settings.label.partition("=")
    created = client.networks.create(name, driver="overlay", attachable=True, labels={key: value})
    return str(created.id)


def remove_network(client: DockerClient, settings: Settings, step: Step) -> None:
    """Remove the network when the stack made it and nothing uses it; else say why it stays.

    The engine still counts a container that is gone as a user for a moment, so it is asked
    for some seconds; and it lists a removed network for a moment, so that is waited for.
    """
    deadline = time.monotonic() + REMOVAL_SECONDS
    refusal = ""
    while networks := client.networks.list(filters={"label": settings.label}):
        if time.monotonic() > deadline:
            step.report.say(f"network: {settings.network} stays: {refusal or 'still listed'}")
            step.last = ""  # it did nothing in the end
            return
        for network in networks:
            step.note(f"removing {network.name}")
            try:
                network.remove()
            except NotFound:
                continue
            except APIError as error:
                refusal = str(error.explanation)
        time.sleep(POLL_SECONDS)


def leave_swarm(client: DockerClient, state: State, step: Step, *, is_forced: bool) -> None:
    """Leave the swarm that the stack initialised; any other is left alone.

    Unless forced it stays while it holds services, secrets or configs: they die with it.
    """
    if not state.record.swarm:
        return
    swarm = client.info()["Swarm"]
    if swarm.get("Cluster", {}).get("ID") == state.record.swarm:
        held = {
            "services": len(client.services.list()),
            "secrets": len(client.secrets.list()),
            "configs": len(client.configs.list()),
        }
        if any(held.values()) and not is_forced:
            counts = ", ".join(f"{count} {what}" for what, count in held.items() if count)
            step.report.say(f"swarm: it stays, because it holds {counts}; `stack reset` drops it")
            return
        step.note("leaving the swarm that the stack made")
        client.swarm.leave(force=True)
    state.write(replace(state.record, swarm=""))
