"""An outage finds a bizops that breaks a promise: the situations, files and comparisons are those that see it."""

from __future__ import annotations

import dataclasses
import signal
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from drills.cluster import __main__ as command
from drills.cluster import run
from drills.cluster.command import Said
from drills.cluster.harm import Harm
from drills.cluster.outage import Outage
from drills.cluster.promises import Expected, usual
from drills.cluster.state import DrillError, State
from stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from drills.cluster.outage import Row

NAMES = ("n1", "n2", "n3")
WHOLE = State(frozenset({"x.queue/near", "x.queue/far"}), {"ttl": "1h"}, {"far": 5})
CHANGED = dataclasses.replace(WHOLE, settings={"ttl": "2h"})


class Cluster:
    """Three members in memory, and a command line that keeps every promise but what `careless` does."""

    system = "x"

    def __init__(self, careless: Callable[[Cluster, str], Said | None] = lambda *_: None) -> None:
        self.gone: list[str] = []
        self.now = WHOLE
        self.names = NAMES
        self._careless = careless

    @property
    def line(self) -> Any:
        return self

    @property
    def members(self) -> Any:
        return self

    def run(self, verb: str, *overlays: str, extra: Sequence[str] = ()) -> Said:
        del overlays, extra
        if (said := self._careless(self, verb)) is not None:
            return said
        warning = f"warning: x: {', '.join(self.gone)} is down\n" if self.gone else ""
        if len(self.gone) > 1:
            return Said(3, 1.0, "", "error: x: no majority\n")
        if verb in {"prune", "destroy"}:
            return Said(1, 1.0, "", f"{warning}error: refused\n")
        if verb == "apply":
            self.now = CHANGED
        return Said(0, 1.0, "No changes: drill matches the live systems.\n", warning)

    def harm(self, name: str, harm: Harm) -> None:
        del harm
        self.gone.append(name)

    def heal(self) -> None:
        self.gone.clear()

    def state(self, *, counts: bool = False) -> State:
        return self.now if counts else dataclasses.replace(self.now, contents={})

    def expected(self, command: str, harm: Harm, gone: int) -> Expected:
        return usual(command, harm, gone)

    def versions(self) -> str:
        return "x"

    def reset(self) -> None: ...
    def prepare(self, harm: Harm) -> None: ...
    def wait_for_loss(self, name: str, harm: Harm) -> None: ...
    def wait_until_whole(self) -> None: ...


def drill(cluster: Cluster, harm: Harm = Harm.KILL) -> list[Row]:
    rows: list[Row] = []
    Outage(cluster, harm, rows.append).run()
    return rows


def test_who_keeps_every_promise_gets_no_red_row_and_is_healed() -> None:
    cluster = Cluster()
    rows = drill(cluster)
    assert [row.broken for row in rows] == [()] * 12
    assert [row.situation for row in (rows[0], rows[5], rows[-1])] == [
        "n3 killed",
        "n3 and n2 killed",
        "all back (killed)",
    ]
    assert cluster.gone == []


def loses(cluster: Cluster, command: str) -> Said | None:
    """Say that it refuses to destroy, and destroy."""
    if command == "destroy":
        cluster.now = dataclasses.replace(cluster.now, objects=frozenset({"x.queue/near"}))
    return None


def writes_without_a_majority(cluster: Cluster, command: str) -> Said | None:
    """Fail, and leave half of it."""
    if command == "apply" and len(cluster.gone) == 2:
        cluster.now = dataclasses.replace(cluster.now, settings={"ttl": "3h"})
    return None


def drops_messages(cluster: Cluster, command: str) -> Said | None:
    """Lose what lies on the member that is away; it is seen when it is back."""
    if command == "prune":
        cluster.now = dataclasses.replace(cluster.now, contents={"far": 0})
    return None


def never_converges(cluster: Cluster, command: str) -> Said | None:
    """Plan the same thing again and again."""
    if command == "plan" and not cluster.gone:
        return Said(0, 1.0, "  ~ x.queue/near\n\nPlan: 0 to add, 1 to change, 0 to destroy.\n", "")
    return None


def is_slow_afterwards(cluster: Cluster, command: str) -> Said | None:
    """Take too long once all are back."""
    if command == "plan" and not cluster.gone:
        return Said(0, 99.0, "No changes: drill matches the live systems.\n", "")
    return None


def refuses_to_apply_afterwards(_: Cluster, command: str) -> Said | None:
    """Never apply."""
    return Said(1, 1.0, "", "error: no\n") if command == "apply" else None


@pytest.mark.parametrize(
    ("careless", "situation", "command", "what"),
    [
        (loses, "n3 killed", "destroy, change", "lost x.queue/far"),
        (writes_without_a_majority, "n3 and n2 killed", "apply, setting", "wrote ttl"),
        (drops_messages, "all back (killed)", "plan", "far holds 0, put in were 5"),
        (
            never_converges,
            "all back (killed)",
            "plan",
            "the plan is not empty: [('~', 'x.queue/near')]: ~ x.queue/near",
        ),
        (is_slow_afterwards, "all back (killed)", "plan", "took 99 s, allowed are 25"),
        (
            refuses_to_apply_afterwards,
            "all back (killed)",
            "plan",
            "the next apply ended with 1: error: no",
        ),
    ],
)
def test_a_careless_one_is_found(
    careless: Callable[[Cluster, str], Said | None], situation: str, command: str, what: str
) -> None:
    rows = drill(Cluster(careless))
    (row,) = [row for row in rows if (row.situation, row.command) == (situation, command)]
    assert what in row.broken


@pytest.mark.parametrize(
    ("careless", "code", "verdict"),
    [
        (lambda *_: None, 0, "12 runs, and every promise was kept."),
        (loses, 1, "**2 of 12 runs broke a promise.**"),
    ],
)
def test_the_exit_code_and_the_page_say_it(
    careless: Callable[[Cluster, str], Said | None],
    code: int,
    verdict: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "opened", lambda *_, **__: nullcontext(Cluster(careless)))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    page = tmp_path / "page.md"
    assert command.main(["--only", "kafka", "--drill", "kill", "--page", str(page)]) == code
    text = page.read_text("utf-8")
    assert verdict in text
    assert text.count("| n3 killed |") == 5
    assert "It was a part of the drills: `kafka kill`." in text


def test_a_cluster_that_does_not_start_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StackError("no", "nothing")

    monkeypatch.setattr(run, "opened", fail)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert command.main(["--only", "kafka"]) == 1


def test_a_command_that_is_called_wrongly_proves_nothing() -> None:
    def misused(_: Cluster, command: str) -> Said | None:
        return Said(1, 1.0, "", "error: No such option: --x\n") if command == "destroy" else None

    with pytest.raises(DrillError):
        drill(Cluster(misused))
