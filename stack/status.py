"""What is up: every part with its address, version and health."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stack.containers import find_container
from stack.engine import connect
from stack.errors import StackError
from stack.health import ask
from stack.parts import list_parts

if TYPE_CHECKING:
    from docker import DockerClient

    from stack.parts import Part
    from stack.settings import Settings

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
    parts = [
        part
        for part in list_parts(settings)
        if not part.is_optional or _condition(client, part) != "absent"
    ]
    with ThreadPoolExecutor(len(parts)) as pool:
        rows += pool.map(lambda part: _observe_part(client, part), parts)
    return rows


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


def _condition(client: DockerClient, part: Part) -> str:
    try:
        container = find_container(client, part)
    except StackError:
        return "made by somebody else"
    return "absent" if container is None else str(container.status)


def _observe_part(client: DockerClient, part: Part) -> Row:
    condition = _condition(client, part)
    addresses = ", ".join(f"127.0.0.1:{port}" for port in part.ports.values())
    if condition != "running":
        # Nothing brings an optional part back after the engine was away: it stays as it is until it is asked for.
        is_idle = part.is_optional and condition in {"created", "exited"}
        text = f"{condition} (optional)" if is_idle else condition
        return Row(part.name, addresses, part.version, text, is_healthy=is_idle)
    health = ask(part)
    text = "healthy" if health.is_healthy else "not healthy"
    if health.detail:
        text += f" ({health.detail})"
    return Row(part.name, addresses, health.version, text, is_healthy=health.is_healthy)


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
