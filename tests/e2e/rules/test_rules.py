"""The three rules over random topologies: what runs, who still needs it, whose it is (decisions 0025 and 0026).

An old file is applied, then a new one, with something between that goes wrong: a command that fails, a user of others,
somebody's own hand, an interrupt. What the servers' own clients say afterwards is held against the rules.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st

from bizops import errors
from bizops.applier import Listener, Stop, Timing
from bizops.cli import lock
from bizops.cli.workflow import ApplyOptions, PlanOptions
from bizops.guard import Consents
from bizops.planner import Targeting

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.change import Outcome

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SOAK = bool(os.environ.get("SOAK"))
EXAMPLES = 40 if SOAK else 2
PACE = Timing(settle_timeout=60)
SHRINKS = 12
"""So many examples are run on the servers once one has failed: each takes seconds."""

Raw = dict[str, Any]

SERVICE = st.fixed_dictionaries(
    {
        "secret": st.sampled_from([True, False]),
        "network": st.sampled_from([True, False]),
        "reads": st.sampled_from(["a", "b", "t", ""]),
        "fails": st.sampled_from([True, False]),
        "action": st.sampled_from(["rollback", "pause", "continue"]),
    }
)


def sides(versions: list[int], queues: list[str]) -> st.SearchStrategy[Raw]:
    """Give what one side may declare; the first of each list makes the simplest example, which is always run."""
    return st.fixed_dictionaries(
        {
            "pw": st.sampled_from(versions),
            "net": st.sampled_from(versions),
            "queues": st.sampled_from(queues),
            "topic": st.booleans(),
            "services": st.fixed_dictionaries({"s1": SERVICE}, optional={"s2": SERVICE})
            | st.just({}),
        }
    )


UPDATES = {
    "force": ["--force"],
    "environment": ["--env-add", "MORE=1"],
    "scale": ["--replicas", "2"],
}
CASE = st.fixed_dictionaries(
    {
        "old": sides([1, 2, 0], ["a", "ab", ""]),
        "new": sides([2, 1, 0], ["b", "a", "ab", ""]),
        "foreign": st.sampled_from(["", "before", "between"]),
        "hand": st.sampled_from(["", "queue", *UPDATES]),
        "stop": st.none() | st.tuples(st.integers(1, 2), st.integers(0, 5)),
    }
)


class Interrupted(Listener):
    """Stops an apply once so many steps have ended."""

    def __init__(self, stop: Stop, level: int, after: int) -> None:
        self._stop, self._level, self._left = stop, level, after

    def ended(self, outcome: Outcome) -> None:
        del outcome
        self._left -= 1
        if self._left < 0:
            self._stop.ask(self._level, "the test")


@dataclass
class Case:
    """One example on the servers: an old side, a new one, and what goes wrong between."""

    shop: Any
    servers: Any
    case: Raw
    rules: Any
    witness: Callable[..., str]

    def run(self) -> None:
        """Hold the rules against what is there after an apply in which something went wrong; then mend it."""
        old, new = _mended(self.case["old"]), self.case["new"]
        self.declare(old)
        self.apply()
        self.make_foreign()
        if self.case["foreign"] == "before":
            self.use_ours()
        before = self.world()
        self.declare(new)
        self.apply(self.act, self.case["stop"], may_fail=True)
        self.rules.check_nothing_was_taken(before, self.world())
        self.apply(may_fail=True)  # as people do who see it fail
        after = self.world()
        self.rules.check_nothing_was_taken(before, after)
        self.rules.check_nothing_foreign_is_gone(before, after)
        if self.is_clean():
            self.rules.check_that_all_runs(self.world(), new)
        self.remove(self.rules.theirs)
        self.declare(_mended(new))
        self.apply()
        assert self.is_clean()
        self.rules.check_that_all_runs(self.world(), _mended(new))

    def world(self) -> Any:
        return self.servers.world(self.shop.tag)

    def declare(self, side: Raw) -> None:
        self.shop.declare(self.rules.file(side, self.shop.addresses.bootstrap))

    def apply(
        self,
        act: Callable[[], object] = lambda: None,
        interrupt: tuple[int, int] | None = None,
        *,
        may_fail: bool = False,
        destroy: bool = False,
    ) -> None:
        """Apply with `--prune`, without what is refused; `act` is done between plan and consent."""
        stop, workflow = Stop(), self.shop.workflow()
        listener = Interrupted(stop, *interrupt) if interrupt else Listener()
        terms = lock.LockOptions(is_wanted=False)
        try:
            asked = _asked(destroy=destroy)
            planned = workflow.plan(asked)
            if refused := planned.plan.refused():
                assert may_fail, planned.plan.refusals
                asked = _asked(*map(str, refused))
                planned = workflow.plan(asked)
            act()
            result = workflow.apply(planned, asked, ApplyOptions(listener, stop, PACE, terms))
            assert result.is_ok or may_fail, result.outcomes
        except (errors.StalePlanError, errors.RefusedPlanError):
            assert may_fail
        finally:
            workflow.close()

    def is_clean(self) -> bool:
        """Tell whether a plan calls everything converged."""
        workflow = self.shop.workflow()
        try:
            plan = workflow.plan(_asked()).plan
        finally:
            workflow.close()
        assert plan.is_complete, plan.systems
        left = {observed.address.name for observed in plan.unmanaged}
        is_quiet = not (plan.refusals or plan.degraded or left - {f"{self.shop.tag}_claimed"})
        return plan.is_empty and is_quiet

    def act(self) -> None:
        """Do by the servers' own tools what others may do between the plan and the consent."""
        if self.case["foreign"] == "between":
            self.use_ours()
        there = sorted(self.case["old"]["services"])
        service = f"{self.shop.tag}-{there[0]}" if there else ""
        hand = self.case["hand"]
        if hand in UPDATES and service:
            self.witness("docker", "service", "update", "--detach", *UPDATES[hand], service)
        elif hand == "queue" and self.case["old"]["queues"]:
            name = f"{self.shop.tag}_{self.case['old']['queues'][0]}"
            self.servers.rabbitmq("DELETE", f"queues/%2F/{name}")

    def make_foreign(self) -> None:
        """Make objects of others, one of which another topology declares inside of what we own."""
        name, tag = self.rules.theirs, self.shop.tag
        self.witness("docker", "secret", "create", name, "/etc/hostname")
        self.witness("docker", "network", "create", "-d", "overlay", name)
        for queue in (name, f"{tag}_claimed"):
            self.servers.rabbitmq("PUT", f"queues/%2F/{queue}", {"durable": True})
        policy = {"pattern": f"^{tag}_claimed$", "definition": {"message-ttl": 1000}}
        policy |= {"apply-to": "queues", "priority": 1}
        self.servers.rabbitmq("PUT", f"policies/%2F/bizops.{name}.ttl-1s.0", policy)

    def use_ours(self) -> None:
        """Let a service of others use what the old side declares."""
        old, tag = self.case["old"], self.shop.tag
        words = ["--secret", f"{tag}-pw-{old['pw']}"] if old["pw"] else []
        words += ["--network", f"{tag}-net-{old['net']}"] if old["net"] else []
        words += [
            "--env",
            f"READS={tag}_a",
            "--replicas",
            "0",
            "--detach",
            "--name",
            self.rules.theirs,
        ]
        self.witness("docker", "service", "create", *words, "busybox")

    def remove(self, service: str) -> None:
        if self.case["foreign"]:
            self.witness("docker", "service", "rm", service)

    def clean_up(self) -> None:
        """Take away what an example made, whatever became of it."""
        name, tag = self.rules.theirs, self.shop.tag
        for words in (("service", "rm"), ("secret", "rm"), ("network", "rm")):
            subprocess.run(("docker", *words, name), capture_output=True, check=False)
        for path in (f"queues/%2F/{name}", f"queues/%2F/{tag}_claimed"):
            with contextlib.suppress(requests.HTTPError):
                self.servers.rabbitmq("DELETE", path)
        with contextlib.suppress(requests.HTTPError):
            self.servers.rabbitmq("DELETE", f"policies/%2F/bizops.{name}.ttl-1s.0")
        self.apply(destroy=True)


def _asked(*excludes: str, destroy: bool = False) -> PlanOptions:
    choice = Targeting(excludes=excludes, prune=True, destroy=destroy)
    return PlanOptions(choice, Consents(("*",), max_deletes=99))


def _mended(side: Raw) -> Raw:
    services = {name: {**each, "fails": False} for name, each in side["services"].items()}
    return {**side, "services": services}


@pytest.fixture
def run(
    shop: Any, own_clients: Any, rules: Any, witness: Callable[..., str]
) -> Callable[[Raw], None]:
    """Run a case on the servers; once one has failed only so many more, as each takes seconds."""
    known: dict[str, Exception] = {}
    shop.env = {"VALUE": "made-up"}

    def once(case: Raw) -> None:
        key = json.dumps(case, sort_keys=True)
        if key in known:
            raise known[key]
        if len(known) > SHRINKS:
            reject()
        made = Case(shop, own_clients, case, rules(case), witness)
        try:
            made.run()
        except Exception as error:
            known[key] = error
            raise
        finally:
            made.clean_up()

    return once


RANDOM = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not SOAK,
    database=None,
    phases=[Phase.generate, Phase.shrink] if SOAK else [Phase.generate],
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@RANDOM
@given(case=CASE)
def test_the_three_rules_hold_whatever_goes_wrong(case: Raw, run: Callable[[Raw], None]) -> None:
    run(case)
