"""Mutated topologies, of the file's text and of its values: no traceback, no hang, no marked secret."""

from __future__ import annotations

import copy
import json
import random
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from bizops import errors, render, topology
from tests.unit.topology.test_hidden_values import MARK, OLD, STYLE, forms, outputs
from tests.unit.topology.test_mutations import MUTATIONS, PIECES, VALID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

ROOT = Path(__file__).parents[3]
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
SEED = "topology/bizosaas.yaml"
SOURCES = (
    "drills/cluster/topologies/rabbitmq.yaml",
    "drills/cluster/topologies/kafka.yaml",
    "drills/cluster/topologies/swarm.yaml",
)
ENTRIES = 3
"""So many entries of each kind of the seed are kept: a mutation of one of forty says no more."""
VARIABLES = {
    **dict.fromkeys(("SECRET_X", "RABBITMQ_PASS", "OPENAI_API_KEY", "API_TOKEN", "RABBIT", "VAULT"), MARK),
    **{f"DRILL_RABBITMQ_URL_{number}": f"http://127.0.0.1:{number}" for number in (1, 2, 3)},
    "DRILL_KAFKA_SERVERS": "kafka:9092",
    "DRILL_SWARM_HOST": "tcp://manager:2375",
    "DRILL_IMAGE": "example:1",
    "DRILL_NODE": "sw1",
}  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 1.5, "", " ", "x" * 2_000, "\u202e", "\x7f", "é", "null", "on", "1h", "64MiB",
    [], {}, [None], [[]], [{}], {"": None}, {"a": {"b": {"c": [1]}}}, ["a=b", "a"], "${", "$", "$$", "${SECRET_X}",
    "a${SECRET_X}b", "${NOT_SET}", "${SECRET_X:-d}", "http://u:${SECRET_X}@h:1/", "u:${SECRET_X}@h", "*", "^(a+)+$",
    {"name": "${SECRET_X}"}, ["${SECRET_X}"], {"api.token": "${SECRET_X}"}, "../../etc/passwd", "/dev/zero", "a:b:c:d",
)  # fmt: skip
SECONDS = 60
"""For one file, on a machine that is busy with others; most take a hundredth of a second."""


def _sources() -> dict[str, Any]:
    """Give the topologies that are mutated; all of them are valid."""
    texts = {source: (ROOT / source).read_text(encoding="utf-8") for source in (SEED, *SOURCES)}
    trees = {name: yaml.safe_load(text) for name, text in {**texts, "features": VALID}.items()}
    broker, services = trees[SEED]["rabbitmq"], trees[SEED]["swarm"]["services"]
    del broker["bindings"]
    kept = trees[SEED]["swarm"]["services"] = dict(list(services.items())[:ENTRIES])
    read = {service["environment"]["QUEUE_NAME"] for service in kept.values()}
    broker["queues"] = {name: broker["queues"][name] for name in sorted(read)}
    topics = trees[SEED]["kafka"]["topics"]
    trees[SEED]["kafka"]["topics"] = dict(list(topics.items())[:ENTRIES])
    return trees


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, value in items:
        yield (*path, key)
        yield from _paths(value, (*path, key))


def _holder(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        tree = tree[key]
    return tree


def _mutated(tree: dict[str, Any], dice: random.Random) -> None:
    """Change one value, or the key of one: to something odd, to that of another place, to nothing."""
    paths = list(_paths(tree))
    path = dice.choice(paths)
    holder, key = _holder(tree, path), path[-1]
    other = dice.choice(paths)
    act = dice.randrange(6)
    if act < 3:
        holder[key] = copy.deepcopy(dice.choice(ODD_VALUES))
    elif act == 3:
        holder[key] = copy.deepcopy(_holder(tree, other)[other[-1]])
    elif act == 4 or not isinstance(holder, dict):
        del holder[key]
    else:
        name = dice.choice((f"{key}x", str(key)[:-1], str(other[-1]), "", "<<", "${SECRET_X}", "é"))
        holder[name] = holder.pop(key)


def _content(sources: Mapping[str, Any], dice: random.Random) -> bytes:
    tree = copy.deepcopy(sources[dice.choice(sorted(sources))])
    for _ in range(dice.randrange(3)):
        if tree:
            _mutated(tree, dice)
    text = yaml.dump(tree, Dumper=DUMPER, sort_keys=False, allow_unicode=True)
    for _ in range(dice.randrange(2)):
        mutation: Callable[[str, int, str], str] = dice.choice(MUTATIONS)
        text = mutation(text, dice.randrange(len(text)), dice.choice(PIECES))
    return text.encode("utf-8", "surrogatepass")


def _said(folder: Path, content: bytes) -> str:
    (folder / "bizops.yaml").write_bytes(content)
    try:
        loaded = topology.load(["bizops.yaml"], variables=VARIABLES, directory=folder)
    except errors.TopologyError as error:
        return f"{render.error_text(error, STYLE)}\n{json.dumps(render.error_json(error))}"
    return "\n".join([*loaded.warnings, *outputs(loaded, MARK)])


def test_what_is_mutated_is_valid(tmp_path: Path) -> None:
    """Mutations of a faulty file would prove little."""
    for source, tree in _sources().items():
        said = _said(tmp_path, yaml.safe_dump(tree, sort_keys=False).encode())
        assert '"errored": true' not in said, (source, said)


def _fuzzed(folder: Path, seed: int, number: int) -> None:
    sources = _sources()
    dice = random.Random(seed)  # noqa: S311 - a fixed seed, nothing secret
    valid = 0
    told = forms(MARK) | forms(OLD)

    def hangs(_number: int, _frame: FrameType | None) -> None:
        pytest.fail(f"this file took {SECONDS} s:\n{content.decode(errors='replace')}")

    before = signal.signal(signal.SIGALRM, hangs)
    try:
        for _ in range(number):
            content = _content(sources, dice)
            signal.alarm(SECONDS)
            said = _said(folder, content)
            signal.alarm(0)
            found = [form for form in told if form in said]
            assert not found, (found, content.decode(errors="replace"), said)
            valid += '"errored": true' not in said
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert valid > number / 5


@pytest.mark.parametrize("seed", range(3))
def test_c1_a_mutated_topology_loads_or_gives_faults_and_never_a_secret(
    tmp_path: Path, seed: int
) -> None:
    _fuzzed(tmp_path, seed, 100)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 120))
def test_c1_ten_thousand_mutated_topologies(tmp_path: Path, seed: int) -> None:
    """Twenty times five hundred, so that processes share them."""
    _fuzzed(tmp_path, seed, 500)
