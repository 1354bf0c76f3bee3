"""docs/metrics.md: every metric that a worker shows, its meaning and a query; promtool finds nothing in either."""

from __future__ import annotations

import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from workers.events.envelopes import Effort
from workers.metrics import MAX_MODELS, Metrics
from workers.protocol.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")
OURS = "agent_worker_"
SUFFIXES = re.compile(r"_(?:total|bucket|sum|count)$")


@pytest.fixture
def shown(worker: Callable[..., object], unused_port: Callable[[], int]) -> bytes:
    """Give what `/metrics` shows of a worker that has had no task."""
    port = unused_port()
    worker("order", HEALTH_PORT=str(port))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        found: bytes = answer.read()
    return found


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give Prometheus' linter, out of Debian's package where it is not installed."""
    if found := shutil.which("promtool"):
        return found
    if not shutil.which("apt-get"):
        pytest.skip("no promtool, and no apt-get to have it from")
    folder = tmp_path_factory.mktemp("prometheus")
    for command in (
        "apt-get update -qq",
        "apt-get download -qq prometheus",
        "dpkg-deb --extract prometheus_*.deb .",
    ):
        subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True)  # noqa: S602 - ours, for the star
    return str(folder / "usr" / "bin" / "promtool")


def rows() -> dict[str, tuple[str, str, str]]:
    """Give the labels, the meaning and the query of each metric on the page."""
    lines = (line for line in PAGE.splitlines() if line.startswith(f"| `{OURS}"))
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {
        name.strip("`"): (labels, meaning, query.split("`")[1])
        for name, labels, meaning, query in cells
    }


def families(text: bytes) -> dict[str, str]:
    """Give the meaning of each metric that is shown, by its name as a query has it."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: family.documentation
        for family in text_string_to_metric_families(text.decode())
        if family.name.startswith(OURS)
    }


def test_the_page_has_every_metric_with_its_meaning(shown: bytes) -> None:
    assert {name: meaning for name, (_, meaning, _) in rows().items()} == families(shown)


def test_the_page_has_the_labels_and_their_values(shown: bytes) -> None:
    listed = {
        name.strip("`"): values
        for name, values in re.findall(r"^\| (`\w+`) \| (`.*) \|$", PAGE, re.MULTILINE)
    }
    for family in text_string_to_metric_families(shown.decode()):
        for sample in family.samples if family.name.startswith(OURS) else ():
            name = family.name if family.type != "counter" else f"{family.name}_total"
            labels = sample.labels.keys() - {"le"}
            assert labels == {"agent", *re.findall(r"`(\w+)`", rows()[name][0])}
            for label in labels - {"agent", "model", "to"}:
                assert f"`{sample.labels[label]}`" in listed[label]


def test_w9_every_series_is_there_from_the_start_and_none_comes_with_the_first_event() -> None:
    metrics = Metrics("order", "auto_orders", "openai/gpt-4o-mini")
    before = {series.rpartition(b" ")[0] for series in metrics.render().splitlines()}

    metrics.settle("dead_lettered", reason="poison", attempt=2)
    metrics.run(Effort(1.0, 2.0, "openai/gpt-4o-mini", cost_usd=0.1))
    metrics.refuse_event("too_large")
    metrics.refuse_publish("auto_orders.dlq")

    assert {series.rpartition(b" ")[0] for series in metrics.render().splitlines()} == before


def test_w9_an_agent_that_names_any_number_of_models_makes_no_more_series_than_that() -> None:
    metrics = Metrics("order", "auto_orders", "openai/gpt-4o-mini")

    for number in range(500):
        metrics.run(Effort(1.0, 2.0, f"m/{number}", Usage(calls=1)))
        metrics.run(Effort(1.0, 2.0, "m/0", Usage(calls=1)))

    text = metrics.render().decode()
    calls = dict(
        re.findall(r'^agent_worker_llm_calls_total{.*model="(.*)"} (.*)$', text, re.MULTILINE)
    )
    assert len(calls) == MAX_MODELS + 1
    assert (calls["m/0"], calls["m/18"]) == ("501.0", "1.0")
    assert calls["other"] == "481.0"


def test_w9_promtool_finds_nothing_in_the_metrics(shown: bytes, promtool: str) -> None:
    done = subprocess.run(
        [promtool, "check", "metrics"], input=shown, capture_output=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_promtool_reads_every_query_and_each_uses_its_metric(promtool: str, tmp_path: Path) -> None:
    queries = {name: query for name, (_, _, query) in rows().items()}
    for name, query in queries.items():
        used = {SUFFIXES.sub("", found) for found in re.findall(rf"{OURS}\w+", query)}
        assert used == {SUFFIXES.sub("", name)}
    rules = [{"record": f"test:{n}", "expr": query} for n, query in enumerate(queries.values())]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "page", "rules": rules}]}), "utf-8")

    done = subprocess.run(
        [promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(queries)} rules found" in done.stdout
