"""Which nodes may run a service, by the rules of the scheduler; pure.

Sources: swarmkit `manager/constraint` (keys and values compare without case, label names with it; a label that a
node lacks is an empty one; an unknown key meets nothing) and `manager/scheduler/filter.go`.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from bizops.providers.swarm.compose.services.deploy import nano_cpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bizops.providers.swarm.compose.services.deploy import Deploy, Placement
    from bizops.providers.swarm.compose.services.service import Service
    from bizops.providers.swarm.engine.nodes import Node, Nodes

_NODE_LABEL, _ENGINE_LABEL = "node.labels.", "engine.labels."


def allows(constraints: Sequence[str], node: Node) -> bool:
    """True where a node meets all constraints, in the form `node.role==worker`."""
    return all(_meets(constraint, node) for constraint in constraints)


def warnings(spec: Service, nodes: Nodes) -> Iterator[str]:
    """Say which declared placement cannot be had on the nodes that take tasks now, and who would have it."""
    deploy = spec.deploy
    if deploy is None or deploy.replicas == 0:
        return
    placement = deploy.placement
    constraints = (placement.constraints if placement else None) or ()
    fitting = [node for node in nodes if node.takes_tasks and allows(constraints, node)]
    if not fitting:
        yield f"deploy.placement.constraints: {_unmet(constraints, nodes)}"
        return
    if placement and (short := _too_many(deploy, placement, fitting)):
        yield f"deploy.placement.max_replicas_per_node: {short}"
    yield from _reservations(deploy, fitting)
    yield from _host_ports(spec, deploy, fitting)


def _unmet(constraints: Sequence[str], nodes: Nodes) -> str:
    """Name the constraints that no node meets by itself, else all of them; and the nodes that would meet them."""
    active = [node for node in nodes if node.takes_tasks]
    alone = [each for each in constraints if not any(allows((each,), node) for node in active)]
    named = " and ".join(alone or constraints)
    text = f"no ready node meets {named}" if named else "no node takes tasks"
    troubled = [node.trouble for node in nodes if node.trouble and allows(constraints, node)]
    if not troubled:
        return text
    return f"{text}; {', '.join(troubled)}"


def _too_many(deploy: Deploy, placement: Placement, fitting: Sequence[Node]) -> str:
    most, replicas = placement.max_replicas_per_node or 0, deploy.replicas or 1
    if not most or (deploy.mode or "replicated") != "replicated" or replicas <= most * len(fitting):
        return ""
    return (
        f"{most} on each of {len(fitting)} nodes that may run it is fewer than {replicas} replicas"
    )


def _reservations(deploy: Deploy, fitting: Sequence[Node]) -> Iterator[str]:
    """Compare with all that the largest node has; what other tasks have reserved of it is the scheduler's business."""
    wanted = deploy.resources.reservations if deploy.resources else None
    if wanted is None:
        return
    largest = max(node.memory for node in fitting)
    if wanted.memory is not None and wanted.memory > largest:
        yield f"deploy.resources.reservations.memory: no node that may run it has {wanted.memory}"
    most = max(node.nano_cpus for node in fitting)
    if wanted.cpus is not None and nano_cpus(wanted.cpus) > most:
        yield f"deploy.resources.reservations.cpus: no node that may run it has {wanted.cpus}"


def _host_ports(spec: Service, deploy: Deploy, fitting: Sequence[Node]) -> Iterator[str]:
    """With `start-first` a new task waits for a node where the old one does not hold the port."""
    ports = [port for port in spec.ports or () if port.mode == "host" and port.published]
    mode, replicas = deploy.mode or "replicated", deploy.replicas or 1
    has_room = mode == "replicated" and replicas < len(fitting)
    config = deploy.update_config
    if not ports or has_room or mode.endswith("-job") or config is None:
        return
    if config.order == "start-first":
        tasks = "a task" if mode == "global" else f"one of {replicas} tasks"
        yield (
            f"deploy.update_config.order: start-first can never be had: each of {len(fitting)} nodes that may run it "
            f"has {tasks} that holds port {ports[0].published} of its host, so an update waits for ever; "
            "write order: stop-first, or publish with mode: ingress"
        )


def _meets(constraint: str, node: Node) -> bool:
    key, operator, wanted = _split(constraint)
    if key.lower() == "node.ip":
        is_same = _is_in(node.address, wanted)
        return is_same is not None and is_same is (operator == "==")
    held = _held(key, node)
    return held is not None and (held.lower() == wanted.lower()) is (operator == "==")


def _split(constraint: str) -> tuple[str, str, str]:
    """Take a constraint apart at the first operator of the two."""
    for operator in ("==", "!="):
        key, found, wanted = constraint.partition(operator)
        if found:
            return key.strip(), operator, wanted.strip()
    return "", "", ""


def _held(key: str, node: Node) -> str | None:
    """Give what a node has under a key, or None for a key that no node has."""
    name = key.lower()
    if name.startswith(_NODE_LABEL):
        return node.labels.get(key[len(_NODE_LABEL) :], "")
    if name.startswith(_ENGINE_LABEL):
        return node.engine_labels.get(key[len(_ENGINE_LABEL) :], "")
    return {
        "node.id": node.identity,
        "node.hostname": node.hostname,
        "node.role": node.role,
        "node.platform.os": node.os,
        "node.platform.arch": node.architecture,
    }.get(name)


def _is_in(address: str, wanted: str) -> bool | None:
    """True where an address is the wanted one or in the wanted subnet; None where that is neither."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return None
