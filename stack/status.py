"""What is up: every part with its address, version and health."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stack.containers import find_container
from stack.diagnosis import describe_end, describe_run, was_ended
from stack.engine import connect
from stack.errors import StackError
from stack.health import ask
from stack.parts import list_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docker import DockerClient
    from docker.models.containers import Container

    from stack.parts import Part
    from stack.settings import Settings

ENDED = frozenset({"exited", "dead"})
HEADINGS = ("part", "address", "version", "health")


@dataclass(frozen=True)
class Row:
    """One line of the status."""

    part: str
    address: str
    version: str
    health: str
    is_healthy: bool


def observe(settings: Settings) -> list[Row]:
    """Ask the engine and every part; an optional part only when its container exists."""
    try:
        client = connect(timeout=10)
    except StackError as error:
        return [Row("engine", "", "", error.message.removeprefix("engine: "), is_healthy=False)]
    rows = _observe_engine(client, settings)
    parts = [part for part in list_parts(settings) if not part.is_optional or _exists(client, part)]
    return rows + observe_parts(client, parts)


def observe_parts(client: DockerClient, parts: Sequence[Part]) -> list[Row]:
    """Ask these parts, all at once."""
    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(lambda part: observe_part(client, part), parts))


def _exists(client: DockerClient, part: Part) -> bool:
    try:
        return find_container(client, part) is not None
    except StackError:
        return True


def _observe_engine(client: DockerClient, settings: Settings) -> list[Row]:
    info = client.info()
    is_manager = bool(info["Swarm"].get("ControlAvailable"))
    networks = [
        n for n in client.networks.list(names=[settings.network]) if n.name == settings.network
    ]
    address = client.api.base_url.replace("http+docker://localhost", "local socket")
    return [
        Row("engine", address, info["ServerVersion"], "healthy", is_healthy=True),
        Row(
            "swarm",
            info["Swarm"].get("NodeAddr", ""),
            "",
            "manager" if is_manager else f"no manager ({info['Swarm']['LocalNodeState']})",
            is_healthy=is_manager,
        ),
        Row(
            "network",
            settings.network,
            "",
            networks[0].attrs["Driver"] if networks else "absent",
            is_healthy=bool(networks),
        ),
    ]


def observe_part(client: DockerClient, part: Part) -> Row:
    """Say whether a part is up, and if not, what happened to it."""
    addresses = ", ".join(f"127.0.0.1:{port}" for port in part.ports.values())
    try:
        container = find_container(client, part)
    except StackError:
        return Row(part.name, addresses, part.version, "made by somebody else", is_healthy=False)
    if container is None:
        return Row(part.name, addresses, part.version, "absent", is_healthy=False)
    if container.status in ENDED:
        text = describe_end(container)
    elif container.status != "running":
        text = str(container.status)
    else:
        return _observe_server(container, part, addresses)
    if _is_idle(client, container, part):
        return Row(part.name, addresses, part.version, f"{text} (optional)", is_healthy=True)
    return Row(part.name, addresses, part.version, text, is_healthy=False)


def _observe_server(container: Container, part: Part, addresses: str) -> Row:
    health = ask(part)
    text = "healthy" if health.is_healthy else "not healthy"
    if health.detail:
        text += f" ({health.detail})"
    if not health.is_healthy:
        text += f"; {describe_run(container)}"
    return Row(part.name, addresses, health.version, text, is_healthy=health.is_healthy)


def _is_idle(client: DockerClient, container: Container, part: Part) -> bool:
    """Tell whether an optional part rests.

    Nothing brings one back after the engine was away: it stays as it is until it is asked for. One that failed
    by itself does not rest, nor does one node of a cluster whose others run.
    """
    has_ended = container.status in ENDED and was_ended(container)
    if not part.is_optional or not (container.status == "created" or has_ended):
        return False
    names = {found.name for found in client.containers.list(filters={"status": "running"})}
    return not names & set(part.members)


def render(rows: list[Row]) -> None:
    """Print the rows: a table on a terminal, columns of plain text elsewhere."""
    cells = [(row.part, row.address, row.version, row.health) for row in rows]
    if not sys.stdout.isatty():
        widths = [max(len(row[n]) for row in [HEADINGS, *cells]) for n in range(len(HEADINGS))]
        for line in [HEADINGS, *cells]:
            print(
                "  ".join(
                    text.ljust(width) for text, width in zip(line, widths, strict=True)
                ).rstrip()
            )
        return
    from rich.console import Console  # noqa: PLC0415 - only for a terminal
    from rich.table import Table  # noqa: PLC0415

    table = Table(*HEADINGS)
    for row in rows:
        colour = "green" if row.is_healthy else "red"
        table.add_row(row.part, row.address, row.version, f"[{colour}]{row.health}[/]")
    Console().print(table)
