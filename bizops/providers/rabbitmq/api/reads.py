"""Reads a broker: who it is, its nodes, and all of some vhosts in six requests for each, side by side.

Names come from the listing of queues without statistics and totals: it is the replicated metadata alone, so it has what
lies on nodes that are down (3.10.8, 4.0.5 and 4.3.6). The listing with totals asks each queue, and since 4.0 leaves out
those that do not answer; it is read for their counts and for the policy that their processes have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bizops import errors
from bizops.providers.rabbitmq.changes import deprecated_features
from bizops.providers.rabbitmq.live import cluster, snapshots, vhost_settings
from bizops.providers.rabbitmq.naming.names import encode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from bizops.providers.rabbitmq.api.client import Client
    from bizops.providers.rabbitmq.declared.connection import Connection
    from bizops.providers.rabbitmq.live.cluster import Nodes
    from bizops.providers.rabbitmq.live.effective_settings import Version

    Listing = Iterable[Mapping[str, Any]]

_CHEAP = "disable_stats=true"
_TELLS = (4, 0)
"""Up to this version a vhost that is hidden from a user is told from one that does not exist; later ones may not."""
HANGS = (
    "it waits for a node of its cluster that hangs, and gives that up after net_ticktime (60 s "
    "where nobody set it)"
)


@dataclass(frozen=True, slots=True)
class Broker:
    """Who answers: `node` is the one that does. `tags` are those of our user, `exchange_types` those that it has.

    Both are empty where they are not known. A cluster that nobody named has the name of the node that answers.
    """

    version: str
    cluster_name: str
    tags: frozenset[str] = frozenset()
    node: str = ""
    exchange_types: frozenset[str] = frozenset()

    @property
    def shows_nodes(self) -> bool:
        """True where our user may list the nodes of the cluster."""
        return bool(self.tags & {"monitoring", "administrator"})


def identity(client: Client, connection: Connection) -> Broker:
    """Ask who answers; raises WrongSystemError where it is no RabbitMQ, or not the one in `expect`."""
    said, whoami = client.read_all(
        [f"/overview?{_CHEAP}&enable_queue_totals=true", "/whoami"],
    )
    if isinstance(said, errors.RejectedError):
        message = f"{client.url} is not RabbitMQ's management API: {said}"
        raise errors.WrongSystemError(message, remedy=said.remedy)
    if isinstance(said, errors.UnreachableError) and isinstance(whoami, dict):
        message = f"{said}, though it runs: {HANGS}"
        raise errors.UnreachableError(message, remedy=said.remedy)
    if isinstance(said, errors.ProviderError):
        raise said
    if isinstance(whoami, errors.WrongSystemError):
        raise whoami
    tags = whoami.get("tags") or () if isinstance(whoami, dict) else ()
    name, node = said.get("cluster_name", ""), said.get("node", "")
    listed = tags.split(",") if isinstance(tags, str) else tags
    types = frozenset(each["name"] for each in said.get("exchange_types") or ())
    found = Broker(said["rabbitmq_version"], name, frozenset(listed), node, types)
    expected = connection.expect
    if expected is not None and expected.cluster_name != found.cluster_name:
        message = (
            f"{client.url} is cluster {found.cluster_name}, "
            f"and connections.rabbitmq.expect.cluster_name says {expected.cluster_name}"
        )
        unnamed = f"rabbitmqctl set_cluster_name {expected.cluster_name}   # nobody named it yet"
        raise errors.WrongSystemError(message, remedy=unnamed if name == node else "")
    return found


def cluster_id(client: Client) -> str:
    """Give what all nodes of a cluster have in common, "" where our user may not read it (it needs policymaker).

    The broker makes it up when the cluster is formed (3.10.8 and 4.0.5). Raises ProviderError where it does not answer.
    """
    try:
        found = client.read("/global-parameters/internal_cluster_id")
    except (errors.DeniedError, errors.RejectedError):
        return ""
    return str(found.get("value", "")) if isinstance(found, dict) else ""


def snapshot(
    client: Client,
    broker: Broker,
    section_vhost: str,
    names: Collection[str],
    *,
    is_whole: bool = True,
) -> snapshots.Snapshot:
    """Read these vhosts, their settings, the nodes of the cluster, and which deprecated features it permits.

    Where not `is_whole`, the queues and policies alone. A vhost that cannot be read carries the reason; raises
    ProviderError where none can.
    """
    version, ordered = snapshots.version(broker.version), sorted(names)
    parts = _PARTS if is_whole else _PARTS_OF_QUEUES
    paths = [path.format(encode(name)) for name in ordered for path in parts.values()]
    beside = [*_BESIDE, *([NODES] if broker.shows_nodes else [])] if is_whole else []
    answers = client.read_all([*paths, *beside])
    told = dict(zip(beside, answers[len(paths) :], strict=True))
    for answer in told.values():
        if isinstance(answer, errors.WrongSystemError):
            raise answer
    running = nodes(told.get(NODES), ())
    found: dict[str, snapshots.Vhost] = {}
    failed: list[errors.ProviderError] = []
    for position, name in enumerate(ordered):
        said = answers[position * len(parts) : (position + 1) * len(parts)]
        error = next((each for each in said if isinstance(each, errors.ProviderError)), None)
        if error is None:
            vhost = _vhost(name, dict(zip(parts, said, strict=True)), version, running)
            of_vhost = vhost_settings.settings(
                name, told.get(vhost_settings.VHOSTS), told.get(vhost_settings.LIMITS)
            )
            found[name] = _looked_again(client, replace(vhost, settings=of_vhost))
            continue
        failed.append(_named(error, name, version))
        found[name] = snapshots.Vhost(name, problem=str(failed[-1]))
    if failed and len(failed) == len(ordered):
        raise failed[0]
    features = deprecated_features.states(told.get(_FEATURES))
    read = snapshots.Snapshot(
        version,
        section_vhost,
        found,
        features=features,
        exchange_types=broker.exchange_types,
        tags=broker.tags,
    )
    return replace(read, nodes=nodes(told.get(NODES), read.places))


def nodes(answer: object, places: Iterable[cluster.Place]) -> Nodes:
    """Give the nodes of the cluster as the list of nodes has them, or as queues tell where there is no list.

    Raises WrongSystemError where what should be a list is none.
    """
    if isinstance(answer, errors.WrongSystemError):
        raise answer
    return cluster.listed(answer) if isinstance(answer, list) else cluster.of_places(places)


_FEATURES = "/deprecated-features"
_BESIDE = (_FEATURES, vhost_settings.VHOSTS, vhost_settings.LIMITS)
NODES = f"/nodes?{_CHEAP}&columns=name,running"
_PARTS_OF_QUEUES = {
    "queues": f"/queues/{{}}?{_CHEAP}&columns={snapshots.QUEUE_COLUMNS}",
    "counts": f"/queues/{{}}?{_CHEAP}&enable_queue_totals=true&columns={snapshots.COUNT_COLUMNS}",
    "policies": "/policies/{}",
    "operator_policies": "/operator-policies/{}",
}
_PARTS = {
    **_PARTS_OF_QUEUES,
    "exchanges": f"/exchanges/{{}}?{_CHEAP}&columns={snapshots.EXCHANGE_COLUMNS}",
    "bindings": f"/bindings/{{}}?{_CHEAP}&columns={snapshots.BINDING_COLUMNS}",
}


def _vhost(
    name: str, said: Mapping[str, Listing], version: Version, running: Nodes
) -> snapshots.Vhost:
    """Take listings by the names of `_PARTS`; those that were not read are empty."""
    queues, bindings = said["queues"], said.get("bindings", ())
    exclusive, bound = snapshots.exclusive(queues), snapshots.bound(bindings)
    vhost = snapshots.Vhost(
        name,
        snapshots.queues(queues, said["counts"], running),
        snapshots.exchanges(said.get("exchanges", ())),
        snapshots.bindings(bindings),
        snapshots.policies(said["policies"]),
        tuple(snapshots.policies(said["operator_policies"]).values()),
        exclusive=exclusive,
        bound=bound,
    )
    unlisted = bound - vhost.queues.keys() - exclusive
    told = [item["name"] for item in queues if "policy" in item]
    return snapshots.with_policies(replace(vhost, unlisted=unlisted), told, version)


def _looked_again(client: Client, vhost: snapshots.Vhost) -> snapshots.Vhost:
    """Ask once more for queues that have a binding and are not listed: most came or went between two listings."""
    if not vhost.unlisted:
        return vhost
    paths = [_PARTS[part].format(encode(vhost.name)) for part in ("queues", "bindings")]
    queues, bindings = client.read_all(paths)
    if isinstance(queues, errors.ProviderError) or isinstance(bindings, errors.ProviderError):
        return vhost
    listed = {item["name"] for item in queues}
    return replace(vhost, unlisted=(vhost.unlisted & snapshots.bound(bindings)) - listed)


def _named(error: errors.ProviderError, vhost: str, version: Version) -> errors.ProviderError:
    """Say which vhost it was, and that it does not exist where that is what the broker means.

    A user without permissions in a vhost gets 401 with its reason from 3.10.8 and 4.0.5, and from 4.3.6 the 404 of a
    vhost that does not exist.
    """
    if isinstance(error, errors.RejectedError) and "Not Found" in str(error):
        or_hidden = ", or the user has no permissions in this vhost" if version > _TELLS else ""
        message = f"vhost {vhost} does not exist{or_hidden}"
        return errors.RejectedError(message, remedy=error.remedy)
    if isinstance(error, errors.DeniedError):
        return type(error)(f"vhost {vhost}: {error}", remedy=error.remedy)
    return error
