"""Every row of the tables in docs/planning.md, on the real servers.

All rows are entries of one topology: it is applied with the first column, messages are published, and it is planned
with the second column.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import requests
import yaml

from docs.pages import ROOT, tables
from stack.addresses import read_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESSES = read_addresses(os.environ)
MANAGEMENT = ADDRESSES.management
LOGIN = ("guest", "guest")
SYSTEMS: dict[str, dict[str, Any]] = {
    "rabbitmq": {"url": MANAGEMENT, "amqp_url": f"amqp://127.0.0.1:{ADDRESSES.amqp}"},
    "kafka": {"bootstrap.servers": ADDRESSES.bootstrap},
    "swarm": {},
}
PLURALS = {"queue": "queues", "topic": "topics", "service": "services"}
DEFAULTS: dict[str, dict[str, Any]] = {
    "topic": {"partitions": 3, "replication_factor": 1},
    "service": {"image": f"{ADDRESSES.registry}/bizops/placeholder:1"},
}


class Row(NamedTuple):
    """One row: where it stands, its kind, the entry live and declared, the messages, and what happens."""

    place: str
    kind: str
    live: dict[str, Any]
    declared: dict[str, Any]
    messages: int
    happens: str


def rows() -> list[Row]:
    return [
        Row(
            f"{place}+{number}",
            kind,
            yaml.safe_load(row["live"].strip("`")),
            yaml.safe_load(row["declared"].strip("`")),
            int(row["messages"] or 0),
            row["what happens"],
        )
        for place, kind, found in tables(ROOT / "docs" / "planning.md", "rules")
        for number, row in enumerate(found, 3)
    ]


ROWS = rows()


class Stage:
    """One topology of all rows, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.name = f"docs-tables-{secrets.token_hex(3)}"
        self._file = folder / "bizops.yaml"

    def entry(self, row: Row) -> str:
        """Give the name of a row's entry, as a queue, a topic and a service may be called."""
        return f"{self.name}-{ROWS.index(row)}"

    def write(self, column: str) -> None:
        """Write the topology with that column."""
        document: dict[str, Any] = {"bizops": 1, "name": self.name, "connections": SYSTEMS}
        for row in ROWS:
            system, kind = row.kind.split(".")
            section = document.setdefault(system, {})
            section[f"{kind}_defaults"] = DEFAULTS.get(kind, {})
            section.setdefault(PLURALS[kind], {})[self.entry(row)] = getattr(row, column)
        self._file.write_text(yaml.safe_dump(document))

    def bizops(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("bizops")), *arguments, "-f", str(self._file)]
        return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[tuple[Stage, dict[str, Any]]]:
    """Make every row live, publish its messages, and give the plan for the declared column."""
    stage = Stage(tmp_path)
    stage.write("live")
    try:
        applied = stage.bizops("apply", "-y")
        assert applied.returncode == 0, applied.stdout + applied.stderr
        for row in ROWS:
            for _ in range(row.messages):
                publish(stage.entry(row))
        stage.write("declared")
        planned = stage.bizops("plan", "--format", "json")
        yield stage, json.loads(planned.stdout)
    finally:
        stage.write("live")
        stage.bizops("destroy", "-y", "--confirm", stage.name, "--allow-data-loss", "*")


def publish(queue: str) -> None:
    """Put one message into a queue; the server says whether it arrived there."""
    answer = requests.post(
        f"{MANAGEMENT}/api/exchanges/%2F/amq.default/publish",
        json={"properties": {}, "routing_key": queue, "payload": "x", "payload_encoding": "string"},
        auth=LOGIN,
        timeout=10,
    )
    assert answer.json() == {"routed": True}


def happens(document: dict[str, Any], address: str) -> str:
    """Say in the words of the tables what a plan does with an address."""
    (change,) = [each for each in document["resource_changes"] if each["address"] == address]
    refusals = [each for each in document["refusals"] if each["address"] == address]
    kinds = {effect["kind"] for effect in change["effects"]}
    if refusals and not any(
        "--allow-data-loss" in way for each in refusals for way in each["remedies"]
    ):
        return "never"
    action = {
        ("no-op",): "nothing",
        ("update",): "in place",
        ("delete", "create"): "by replacing",
    }[tuple(change["change"]["actions"])]
    if refusals:
        return f"{action}, asks"
    if address.startswith("swarm.") and action == "in place":
        return f"{action}, restarts {'tasks' if 'restart' in kinds else 'nothing'}"
    return action


@pytest.mark.integration
@pytest.mark.slow
def test_what_the_page_says_of_every_change_is_what_is_planned(
    plan: tuple[Stage, dict[str, Any]],
) -> None:
    """Each row of the tables in planning.md is what bizops plans on the real servers."""
    stage, document = plan

    found = [happens(document, f"{row.kind}/{stage.entry(row)}") for row in ROWS]

    assert len(ROWS) > 30
    assert [f"{row.place}: {row.happens}" for row in ROWS] == [
        f"{row.place}: {what}" for row, what in zip(ROWS, found, strict=True)
    ]
