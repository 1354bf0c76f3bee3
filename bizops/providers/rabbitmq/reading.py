"""Reads a broker: who it is, and all of some vhosts in five requests for each, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bizops import errors
from bizops.providers.rabbitmq import live
from bizops.providers.rabbitmq.names import encode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Any

    from bizops.providers.rabbitmq.client import Client
    from bizops.providers.rabbitmq.connection import Connection

    Listing = Iterable[Mapping[str, Any]]

_CHEAP = "disable_stats=true"


@dataclass(frozen=True, slots=True)
class Broker:
    """Who answers."""

    version: str
    cluster_name: str


def identity(client: Client, connection: Connection) -> Broker:
    """Ask who answers; raises WrongSystemError where it is no RabbitMQ, or not the one in `expect`."""
    try:
        said = client.read(f"/overview?{_CHEAP}&enable_queue_totals=true")
    except errors.RejectedError as error:
        message = f"{client.url} is not RabbitMQ's management API: {error}"
        raise errors.WrongSystemError(message, remedy=error.remedy) from None
    if not isinstance(said, dict) or "rabbitmq_version" not in said:
        message = f"{client.url} answers, but is not RabbitMQ's management API"
        raise errors.WrongSystemError(message)
    found = Broker(said["rabbitmq_version"], said.get("cluster_name", ""))
    expected = connection.expect
    if expected is not None and expected.cluster_name != found.cluster_name:
        message = (
            f"{client.url} is cluster {found.cluster_name}, "
            f"and connections.rabbitmq.expect.cluster_name says {expected.cluster_name}"
        )
        raise errors.WrongSystemError(message)
    return found


def vhosts(
    client: Client, names: Collection[str], *, is_whole: bool = True
) -> dict[str, live.Vhost]:
    """Read these vhosts; without exchanges and bindings where not `is_whole`.

    One that cannot be read carries the reason; raises ProviderError where none can.
    """
    ordered = sorted(names)
    parts = _PARTS if is_whole else _PARTS_OF_QUEUES
    answers = client.read_all([path.format(encode(name)) for name in ordered for path in parts])
    found: dict[str, live.Vhost] = {}
    failed: list[errors.ProviderError] = []
    for position, name in enumerate(ordered):
        said = answers[position * len(parts) : (position + 1) * len(parts)]
        error = next((each for each in said if isinstance(each, errors.ProviderError)), None)
        if error is None:
            found[name] = _vhost(name, said)
            continue
        failed.append(_named(error, name))
        found[name] = live.Vhost(name, problem=str(failed[-1]))
    if failed and len(failed) == len(ordered):
        raise failed[0]
    return found


_PARTS_OF_QUEUES = (
    f"/queues/{{}}?{_CHEAP}&enable_queue_totals=true&columns={live.QUEUE_COLUMNS}",
    "/policies/{}",
    "/operator-policies/{}",
)
_PARTS = (
    *_PARTS_OF_QUEUES,
    f"/exchanges/{{}}?{_CHEAP}&columns={live.EXCHANGE_COLUMNS}",
    f"/bindings/{{}}?{_CHEAP}&columns={live.BINDING_COLUMNS}",
)


def _vhost(name: str, listings: Sequence[Listing]) -> live.Vhost:
    """Take listings in the order of `_PARTS`; those that were not read are empty."""
    queues, policies, operator_policies, exchanges, bindings = (*listings, (), ())[: len(_PARTS)]
    return live.Vhost(
        name,
        live.queues(queues),
        live.exchanges(exchanges),
        live.bindings(bindings),
        live.policies(policies),
        tuple(live.policies(operator_policies).values()),
        exclusive=live.exclusive(queues),
    )


def _named(error: errors.ProviderError, vhost: str) -> errors.ProviderError:
    """Say which vhost it was, and that it does not exist where that is what the broker means."""
    if isinstance(error, errors.RejectedError) and "Not Found" in str(error):
        return errors.RejectedError(f"vhost {vhost} does not exist", remedy=error.remedy)
    if isinstance(error, errors.DeniedError):
        return type(error)(f"vhost {vhost}: {error}", remedy=error.remedy)
    return error
