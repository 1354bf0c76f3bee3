"""Hand-made plans and outcomes, and the golden files they are compared with.

One long file, as it is data and test files here cannot import each other.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bizops import provider
from bizops.change import (
    Action,
    ApplyResult,
    Change,
    Effect,
    EffectKind,
    FieldChange,
    Outcome,
    Plan,
    Refusal,
    Status,
    Step,
    System,
    Write,
)
from bizops.provider import IN_PLACE, Definition, Kind
from bizops.quantity import Duration
from bizops.render import Heading, Reading, Style
from bizops.resource import (
    Address,
    Observation,
    Presence,
    Resource,
    Secret,
    Source,
    Spec,
    absent,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parents[2] / "golden" / "render"
HOUR = 3_600_000
TOKENS = ("tok-old-5f1d", "tok-new-a7c2")
PLAIN = Style(colour=False, width=90, unicode=True)
DIGESTS = tuple(f"@sha256:{word}{'0' * 56}" for word in ("1f2e3d4c", "9a8b7c6d"))
IMAGE = "registry.corp/bizosaas-agent-workers"


class Said(Spec):
    """A spec that is summed up by what it says."""

    says: str = ""
    settings: tuple[tuple[tuple[str, ...], Any], ...] = ()

    def fields(self) -> dict[tuple[str, ...], Any]:
        """Give the settings as they were put in."""
        return dict(self.settings)


def _kind(name: str, kind: str, plural: str) -> Kind:
    return Kind(
        provider=name,
        name=kind,
        plural=plural,
        spec=Said,
        address=lambda key, _spec, _settings: Address(name, kind, (key,)),
        rules={"": lambda _transition: IN_PLACE},
        summary=lambda spec, _address: spec.says,
    )


KINDS = {
    "rabbitmq": {"queue": "queues", "binding": "bindings"},
    "kafka": {"topic": "topics"},
    "swarm": {"service": "services"},
}


@pytest.fixture(autouse=True)
def definitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the three providers."""
    found = {
        name: Definition(
            name,
            tuple(_kind(name, kind, plural) for kind, plural in kinds.items()),
            Spec,
            Spec,
            connect=lambda *_given: pytest.fail("rendering connects to nothing"),
        )
        for name, kinds in KINDS.items()
    }
    monkeypatch.setattr(provider, "definition", found.__getitem__)


def address(text: str) -> Address:
    """Read an address back; names here hold no percent signs."""
    name, _, rest = text.partition(".")
    kind, _, parts = rest.partition("/")
    return Address(name, kind, tuple(parts.split(":")))


def present(text: str, **given: Any) -> Observation:
    return Observation(address(text), Presence.PRESENT, **given)


def resource(text: str, line: int = 0, says: str = "", **given: Any) -> Resource:
    source = (
        Source("topology/bizosaas.yaml", line, 5)
        if line
        else Source("topology/bizosaas.yaml", 13, 5, "dead_letter")
    )
    settings = tuple(given.pop("settings", {}).items())
    return Resource(address(text), Said(says=says, settings=settings), source=source, **given)


def change(
    action: Action,
    text: str,
    line: int = 0,
    *fields: FieldChange,
    **given: Any,
) -> Change:
    """Make a change with a matching observation and resource."""
    says = given.pop("says", "")
    settings = {field.path: field.after for field in fields if field.after is not None}
    wanted = resource(text, line, says, settings=given.pop("settings", settings))
    is_there = action is not Action.CREATE
    observed = given.pop("observed", None) or (present(text) if is_there else absent(address(text)))
    return Change(address(text), action, wanted, observed, fields, **given)


def field(name: str, before: Any, after: Any, **given: Any) -> FieldChange:
    """Make a field change; a slash parts the path."""
    return FieldChange(tuple(name.split("/")), before, after, **given)


def restart(tasks: int, forced: str, minutes: int) -> Effect:
    text = (
        f"RESTARTS {tasks} of {tasks} tasks (forced by {forced}), one at a time, start-first, "
        f"{minutes} min at least"
    )
    return Effect(EffectKind.RESTART, text, (("of", tasks), ("tasks", tasks)))


HEADING = Heading(
    "bizosaas-agents",
    "production",
    ("topology/bizosaas.yaml", "env/production.yaml"),
    (Reading("rabbitmq", 34, 0.06), Reading("kafka", 13, 0.09), Reading("swarm", 3, 0.05)),
    (
        (
            "connections.rabbitmq.url",
            "topology/bizosaas.yaml:4:14 connections.rabbitmq.url, from RABBITMQ_MANAGEMENT_URL",
        ),
    ),
)
SYSTEMS = (
    System("rabbitmq", "https://rmq.corp:15671 /", "4.0.5", "rabbit@prod", expected=True),
    System("kafka", "kafka-1:9092, 3 brokers", "4.3.0", "5L6g3nShT0y", expected=True),
    System("swarm", "ssh://ops@mgr-1, context prod", "28.2", "k3v9q0c1w8x2", expected=True),
)
WRITES = (
    Write(
        "rabbitmq",
        "bizops.bizosaas-agents.ttl-2h.9f31c2",
        Action.CREATE,
        "policy bizops.bizosaas-agents.ttl-2h.9f31c2   (3 queues)",
        serves=(address("rabbitmq.queue/auto_orders"),),
        shown_under=(address("rabbitmq.queue/auto_orders"),),
    ),
    Write(
        "rabbitmq",
        "bizops.bizosaas-agents.ttl-1h.77ab02",
        Action.DELETE,
        "policy bizops.bizosaas-agents.ttl-1h.77ab02   after it",
        after=("bizops.bizosaas-agents.ttl-2h.9f31c2",),
        shown_under=(address("rabbitmq.queue/auto_orders"),),
    ),
)
INVENTORY = "rabbitmq.queue/auto_inventory"


def _changes() -> tuple[Change, ...]:
    waiting = "for messages published from now on; the 143 that wait keep 1h"
    moved = "keys move to other partitions: order per key does not hold across the change"
    token = "`docker service inspect` shows this value to anyone: put it in secrets"
    override = "segment.ms = 1h is set live and declared nowhere"
    return (
        change(
            Action.CREATE,
            "rabbitmq.queue/auto_returns",
            24,
            field("max_priority", None, 5),
            field("message_ttl", None, Duration(4 * HOUR)),
            says="max_priority 5, message_ttl 4h, dead letters to dlx -> auto_returns.dlq",
        ),
        change(Action.CREATE, "rabbitmq.queue/auto_returns.dlq"),
        change(Action.CREATE, "rabbitmq.binding/dlx:auto_returns:auto_returns.dlq"),
        change(
            Action.UPDATE,
            "rabbitmq.queue/auto_orders",
            13,
            field("message_ttl", Duration(HOUR), Duration(2 * HOUR), origin="policy ttl-1h"),
            effects=(Effect(EffectKind.NOTE, waiting, (("field", "message_ttl"),)),),
        ),
        change(
            Action.REPLACE,
            INVENTORY,
            15,
            field("max_priority", 5, 10, reason="fixed when the queue is declared", forces=True),
            effects=(
                Effect(EffectKind.DATA_LOSS, "deletes 812 messages (0 consumers, 1 binding)"),
            ),
        ),
        change(
            Action.UPDATE,
            "kafka.topic/domain.orders",
            29,
            field("partitions", 3, 6),
            effects=(Effect(EffectKind.WARNING, moved, (("field", "partitions"),)),),
        ),
        change(
            Action.UPDATE,
            "swarm.service/agent-orders",
            53,
            field("image", f"{IMAGE}:1.4.1{DIGESTS[0]}", f"{IMAGE}:1.4.2{DIGESTS[1]}"),
            effects=(restart(4, "image", 2),),
        ),
        change(
            Action.UPDATE,
            "swarm.service/agent-support",
            55,
            field("environment/CRM_TOKEN", Secret(TOKENS[0]), Secret(TOKENS[1])),
            effects=(restart(6, "environment", 3), Effect(EffectKind.WARNING, token)),
        ),
        change(
            Action.UPDATE,
            "swarm.service/agent-marketing",
            57,
            field("deploy/replicas", 4, 6),
            effects=(
                Effect(
                    EffectKind.NOTE,
                    "restarts nothing, starts 2 tasks",
                    (("field", "deploy.replicas"),),
                ),
            ),
        ),
        *(
            change(Action.NOOP, f"rabbitmq.queue/auto_{number:02}", number + 60)
            for number in range(43)
        ),
        change(
            Action.NOOP,
            "kafka.topic/ai.errors",
            31,
            observed=present("kafka.topic/ai.errors", notes=(override,)),
        ),
    )


STRAY = present(
    "rabbitmq.queue/auto_stray",
    counts=(("messages", 3), ("consumers", 0)),
    notes=("matches owns.queues auto_*",),
)
REFUSAL = Refusal(
    address(INVENTORY),
    "",
    "it would delete 812 messages (0 consumers, 1 binding)",
    ("drain it and plan again", "keep max_priority: 5", f"--allow-data-loss {INVENTORY}"),
)


def _drifted() -> Plan:
    hotfix = 'policy "ops-hotfix" (priority 120) wins over bizops.bizosaas-agents.ttl-2h.9f31c2'
    seo = present("rabbitmq.queue/auto_seo", notes=(hotfix,))
    topics = [f"domain.t{number:02}" for number in range(13)]
    return Plan(
        "bizosaas-agents",
        (
            change(
                Action.CREATE,
                "rabbitmq.binding/dlx:auto_orders:auto_orders.dlq",
                13,
            ),
            change(
                Action.UPDATE,
                "rabbitmq.queue/auto_seo",
                17,
                field("message_ttl", Duration(6 * HOUR), Duration(2 * HOUR)),
                observed=seo,
            ),
            change(
                Action.UPDATE,
                "swarm.service/agent-support",
                55,
                field("deploy/replicas", 2, 6, origin="spec"),
                field("environment/CRM_TOKEN", Secret(TOKENS[0]), Secret(TOKENS[1])),
                field("environment/EXTRA", "by hand", None),
            ),
            *(
                change(Action.NOOP, f"rabbitmq.queue/auto_{number:02}", number + 60)
                for number in range(33)
            ),
        ),
        unmanaged=(present("rabbitmq.queue/auto_stray", counts=(("messages", 3),)),),
        unreadable=tuple(
            unreadable(address(f"kafka.topic/{name}"), "no broker answered") for name in topics
        ),
        systems=(
            SYSTEMS[0],
            System(
                "kafka",
                "kafka-1:9092",
                problem="no broker answered at kafka-1:9092 in 10 s",
                remedy="nc -vz kafka-1 9092",
                setting="connections.kafka.bootstrap.servers",
            ),
            SYSTEMS[2],
        ),
    )


def _unread() -> Plan:
    names = [f"rabbitmq.queue/auto_{number:02}" for number in range(34)]
    problem = "https://rmq.corp:15671 refused the connection (3 tries, 6 s)"
    return Plan(
        "bizosaas-agents",
        tuple(
            change(Action.NOOP, f"kafka.topic/domain.t{number:02}", number + 29)
            for number in range(13)
        ),
        unreadable=tuple(unreadable(address(name), problem) for name in names),
        systems=(
            System(
                "rabbitmq",
                "https://rmq.corp:15671",
                problem=problem,
                remedy='curl -sS https://rmq.corp:15671/api/whoami -u "$RABBITMQ_USER"',
                setting="connections.rabbitmq.url",
            ),
            *SYSTEMS[1:],
        ),
    )


def _odd() -> Plan:
    """Give what the screens do not show: removals, adoption, bulk, refusals of the whole, loose writes."""
    queue = "rabbitmq.queue/auto_old"
    gone = present(queue, counts=(("messages", 1), ("consumers", 0)))
    ignored = field("deploy/replicas", 6, 4)
    loose = Write(
        "rabbitmq", "bizops.x.ttl-9h.0", Action.DELETE, "policy bizops.x.ttl-9h.0   left over"
    )
    return Plan(
        "odd",
        (
            Change(
                address(queue),
                Action.DELETE,
                None,
                gone,
                waits=(address("swarm.service/old-timer"),),
            ),
            Change(
                address("rabbitmq.binding/dlx:k:q"),
                Action.REPLACE,
                resource("rabbitmq.binding/dlx:k:q"),
                present("rabbitmq.binding/dlx:k:q"),
                reason="dies with rabbitmq.queue/q and is made again",
                dies_with=address("rabbitmq.queue/q"),
            ),
            *(
                change(
                    Action.CREATE,
                    f"kafka.topic/bulk.{number:03}",
                    number + 1,
                    says="partitions 3, replication_factor 2, retention.ms 7d",
                )
                for number in range(5)
            ),
            change(
                Action.UPDATE,
                "swarm.service/old-timer",
                9,
                field("bizops.topology", None, "odd"),
                field("command", ("sh", "-c", "echo 'a b'"), ("sh", "-c", "a, b", "")),
                field("environment/COUNT", 5, "5"),
                field("environment/LONG", "word " * 30, None),
                adopts=True,
                unmanaged=(ignored,),
            ),
            change(Action.NOOP, "swarm.service/scaled", 12, unmanaged=(ignored,)),
        ),
        writes=(loose,),
        refusals=(
            Refusal(
                None,
                "",
                "rabbitmq: 9 of 20 objects would be deleted or replaced, more than 30%",
                ("--max-deletes 9",),
            ),
            Refusal(address("kafka.topic/gone"), "external", "it is external and does not exist"),
        ),
        unreadable=(unreadable(address("rabbitmq.queue/secret"), "403 not allowed"),),
        warnings=("the broker runs\x1b[31m a version\x07 that nobody knows",),
        systems=SYSTEMS,
        partial=True,
    )


@pytest.fixture
def plans() -> dict[str, Plan]:
    """Give the hand-made plans by name."""
    changes = _changes()
    calm = tuple(change for change in changes if change.action is Action.NOOP)[:43]
    return {
        "full": Plan(
            "bizosaas-agents",
            changes,
            WRITES,
            (REFUSAL,),
            (STRAY,),
            systems=SYSTEMS,
        ),
        "calm": Plan("bizosaas-agents", calm, systems=SYSTEMS),
        "drifted": _drifted(),
        "unread": _unread(),
        "odd": _odd(),
    }


@pytest.fixture
def heading() -> Heading:
    """Give the heading of the hand-made plans."""
    return HEADING


@pytest.fixture
def plain() -> Style:
    """Give the style of the screens: 90 columns, no colour, UTF-8."""
    return PLAIN


@pytest.fixture
def result(plans: dict[str, Plan]) -> ApplyResult:
    """Give what an apply of the full plan came to, without what is refused."""
    by_address = {str(each.address): each for each in plans["full"].changes}
    crash = (
        "task agent-support.3 on wkr-2 exited 1 after 4 s; its last line:",
        '  {"level":"error","event":"crm_auth_failed","status":401}',
        "6/6 run the old spec now",
    )
    rows: tuple[tuple[str, Status, str, float, tuple[str, ...]], ...] = (
        ("rabbitmq.queue/auto_returns.dlq", Status.APPLIED, "", 0.1, ()),
        ("rabbitmq.queue/auto_orders", Status.APPLIED, "message_ttl is 2h", 0.2, ()),
        ("kafka.topic/domain.orders", Status.APPLIED, "6 partitions, all brokers", 0.9, ()),
        ("swarm.service/agent-marketing", Status.APPLIED, "6/6 running", 11.4, ()),
        ("swarm.service/agent-orders", Status.APPLIED, "4/4 on 1.4.2, stable", 131, ()),
        ("swarm.service/agent-support", Status.FAILED, "ROLLED BACK by Swarm", 72, crash),
        ("rabbitmq.queue/auto_returns", Status.SKIPPED, "it needs what failed", 0, ()),
    )
    return ApplyResult(
        tuple(
            Outcome(Step(by_address[name].action, by_address[name]), status, detail, lines, seconds)
            for name, status, detail, seconds, lines in rows
        )
    )


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with its golden file; BIZOPS_GOLDEN=write rewrites the file instead."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("BIZOPS_GOLDEN") == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8")
        assert text + "\n" == path.read_text(encoding="utf-8")

    return compare
