"""The broker itself judges our patterns: which policy each queue has, once queues and policies are there."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bizops.providers.rabbitmq.naming import patterns

if TYPE_CHECKING:
    from tests.providers.rabbitmq.conftest import Broker

pytestmark = pytest.mark.integration

TIMEOUT = 60
NAMES = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
    | st.text("ab01_-.|$^()[]{}?*+\\ A#éü€\U0001f407\u2028", min_size=1, max_size=5)
    | st.builds(
        "{}{:02d}{}".format,
        st.sampled_from(["task_", "task", "ta.k", "é_"]),
        st.integers(0, 30),
        st.sampled_from(["", ".dlq", "ü", "€"]),
    )
)


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.sets(NAMES, min_size=15, max_size=30),
    st.sets(NAMES, max_size=10),
    st.sampled_from([60, 250, 1024]),
)
def test_the_broker_gives_each_queue_its_policy_and_no_other_queue_any(
    broker: Broker, names: set[str], others: set[str], limit: int
) -> None:
    """Names that others begin or end with, neighbours in a range, line feeds, bytes of other characters, and case.

    An import of definitions takes names with a line feed, which every other way of declaring takes off.
    """
    queues = names | others | {f"{name}\n" for name in sorted(names)[::3]}
    queues |= {f"{name}\u00a9" for name in names} | {name[:-1] for name in names if name[1:]}
    queues |= {name.swapcase() for name in names}
    queues = {name for name in queues if len(name.encode()) < 250 and name not in {".", ".."}}
    with_line_feed = {name[:-1] for name in queues if name.endswith("\n")}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(patterns, "MAX_BYTES", limit)
        cut = dict(enumerate(patterns.of_names(sorted(names), with_line_feed)))

    given_policies = policies_of(
        broker, queues, {f"p{n}": pattern for n, (pattern, _) in cut.items()}
    )

    expected = {name: f"p{n}" for n, (_, members) in cut.items() for name in members}
    assert {name: expected.get(name, "") for name in queues} == given_policies


def test_patterns_of_the_greatest_length_are_taken(broker: Broker) -> None:
    """In bytes: 4.3 refuses one more, counted after the encoding."""
    names = [f"é{hashlib.sha256(str(n).encode()).hexdigest()[:24]}" for n in range(60)]
    cut = dict(enumerate(patterns.of_names(names)))
    longest = f"^{'é' * 511}$"
    assert patterns.MAX_BYTES == len(longest.encode())

    found = policies_of(
        broker, set(names), {"full": longest, **{f"p{n}": p for n, (p, _) in cut.items()}}
    )

    assert {name: f"p{n}" for n, (_, members) in cut.items() for name in members} == found


def policies_of(broker: Broker, queues: set[str], policies: dict[str, str]) -> dict[str, str]:
    """Make queues and policies, give what each queue is under, and take all of it away again."""
    body: dict[str, Any] = {"durable": True, "auto_delete": False, "arguments": {}}
    listed = [{"name": name, **body} for name in sorted(queues)]
    broker.admin.post(
        broker.url("definitions", broker.vhost), json={"queues": listed}, timeout=TIMEOUT
    ).raise_for_status()
    for name, pattern in policies.items():
        broker.put(
            "policies",
            name,
            {"pattern": pattern, "apply-to": "queues", "definition": {"max-length": 9}},
        )
    found = {item["name"]: item.get("policy") or "" for item in broker.listing("queues")}
    url = broker.url("vhosts", broker.vhost)
    broker.admin.delete(url, timeout=TIMEOUT).raise_for_status()
    broker.admin.put(url, json={}, timeout=TIMEOUT).raise_for_status()
    return found
