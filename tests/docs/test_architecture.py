"""The rooms and the walks of the architecture page are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
WALKS = ("From `message_ttl` to the request", "From a delivery to its event")
ROOMS = {
    "RabbitMQ": "bizops/providers/rabbitmq",
    "Kafka": "bizops/providers/kafka",
    "Swarm": "bizops/providers/swarm",
    "workers": "workers",
}
_NAMED = re.compile(r"`([\w/]+(?:\.py|\.lua|/))`")


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_has_at_most_twelve_hops_and_each_file_is_there(title: str) -> None:
    hops = re.findall(r"^\d+\. .+$", section(title), re.MULTILINE)
    assert 8 <= len(hops) <= 12
    folder = ROOT
    for hop in hops:
        names = _NAMED.findall(hop)
        assert names, hop
        for name in names:
            assert (ROOT / name).exists() or (folder.parent / name).exists(), hop
            if (ROOT / name).exists():
                folder = (ROOT / name).parent


@pytest.mark.parametrize("system", ROOMS)
def test_every_room_is_in_its_table_and_every_name_there_is_a_room(system: str) -> None:
    folder = ROOT / ROOMS[system]
    table = section("The rooms of a provider").split(f"| {system}, from the top |", 1)[1]
    named = set(_NAMED.findall(table.split("\n\n", 1)[0]))

    missing = [name for name in named if not any(folder.rglob(name))]
    rooms = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}

    assert missing == []
    assert rooms <= named
