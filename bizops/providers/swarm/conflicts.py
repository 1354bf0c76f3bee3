"""Declared settings against what stays on a live service, and against other services; pure.

The engine refuses such a service in the middle of an apply (swarmkit `controlapi/service.go`), or takes half of it. Two
declared settings that contradict each other are found before anybody is asked (`rules.check`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops.change import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bizops.change import Change
    from bizops.providers.swarm.compose.values import Entry
    from bizops.resource import Path

_ENDPOINT, _MODE, _REPLICAS = (
    ("deploy", "endpoint_mode"),
    ("deploy", "mode"),
    ("deploy", "replicas"),
)
_LIVE = "is set live and declared nowhere"


def refusals(change: Change, declared: Collection[Path]) -> Iterator[Refusal]:
    """Give what a change of a live service would leave contradictory; `declared` are the paths in the file."""
    after: dict[Path, Any] = {path: field.value for path, field in change.observed.fields}
    after |= {field.path: field.after for field in change.fields}
    for where, why, remedies in (
        *_endpoint(after, declared),
        *_mode(after, declared),
        *_mounts(after, declared),
    ):
        yield Refusal(change.address, where, why, remedies)


_Found = tuple[str, str, tuple[str, ...]]


def _endpoint(after: Mapping[Path, Any], declared: Collection[Path]) -> Iterator[_Found]:
    ports = [port for port in after.get(("ports",)) or () if _is_ingress(port.raw)]
    if after.get(_ENDPOINT) != "dnsrr" or not ports:
        return
    listed = ", ".join(ports)
    if _ENDPOINT not in declared:
        why = f"deploy.endpoint_mode dnsrr {_LIVE}, and {listed} cannot be in the routing mesh without an address"
        yield "ports", why, ("declare deploy.endpoint_mode: vip", "publish with mode: host")
    elif ("ports",) not in declared:
        why = f"ports {listed} {_LIVE}, and dnsrr takes none in the routing mesh"
        yield "deploy.endpoint_mode", why, ("declare ports: []", "declare ports with mode: host")


def _mode(after: Mapping[Path, Any], declared: Collection[Path]) -> Iterator[_Found]:
    mode = after.get(_MODE, "replicated")
    if _MODE in declared:
        return
    replace = "declare deploy.mode: replicated, which replaces the service"
    if _REPLICAS in declared and mode.startswith("global"):
        why = f"deploy.mode {mode} {_LIVE}: it runs one task on each node"
        yield "deploy.replicas", why, ("leave deploy.replicas out", replace)
    for key in ("update_config", "rollback_config"):
        name = f"deploy.{key}"
        if mode.endswith("-job") and any(path[:2] == ("deploy", key) for path in declared):
            why = f"deploy.mode {mode} {_LIVE}: a job is run again, not updated"
            yield name, why, (f"leave {name} out", replace)


def _mounts(after: Mapping[Path, Any], declared: Collection[Path]) -> Iterator[_Found]:
    for key, other in (("volumes", "tmpfs"), ("tmpfs", "volumes")):
        if (key,) not in declared or (other,) in declared:
            continue
        staying = {_target(item): item for item in after.get((other,)) or ()}
        for item in after.get((key,)) or ():
            if _target(item) in staying:
                why = f"{other} {staying[_target(item)]} {_LIVE}, and is mounted at {_target(item)}, too"
                yield key, why, (f"declare {other}: []", "choose another target")


def _target(mount: Entry) -> str:
    return str(mount.raw.get("Target", ""))


def _is_ingress(port: Mapping[str, Any]) -> bool:
    return bool(port.get("PublishMode", "ingress") == "ingress")
