"""The RabbitMQ provider keeps the contract, against real brokers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bizops.provider import Options
from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.declared.connection import Connection
from bizops.providers.rabbitmq.declared.specs import Settings
from bizops.testing import ProviderContract, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.provider import Provider, Scope

pytestmark = pytest.mark.integration

FULL = {
    "type": "classic",
    "durable": True,
    "auto_delete": False,
    "max_priority": 5,
    "single_active_consumer": False,
    "dead_letter": {"exchange": "own_dlx", "routing_key": "dead"},
    "message_ttl": "1h",
    "expires": "7d",
    "max_length": 1000,
    "max_length_bytes": "64MiB",
    "overflow": "reject-publish",
    "arguments": {"x-queue-mode": "lazy"},
}
EXCHANGE = {"exchanges": {"own_dlx": {"type": "direct"}}}
BINDING = {
    "exchange": "amq.headers",
    "queue": "own_bound",
    "routing_key": "a.b/c #%",
    "arguments": {"x-match": "all", "n": 1, "is": True},
}
POLICY = {
    "pattern": "^never_",
    "apply_to": "queues",
    "priority": 3,
    "definition": {"max-length": 5, "message-ttl": "1h"},
}


class TestRabbitMQ(ProviderContract):
    @pytest.fixture
    def live(self, broker: Any) -> Provider:
        return broker.live

    @pytest.fixture
    def dead(self) -> Provider:
        connection = Connection.model_validate({"url": "http://127.0.0.1:9"})
        return DEFINITION.connect(connection, Settings(), Options(timeout=2))

    @pytest.fixture
    def scope(self, broker: Any) -> Scope:
        return broker.scope

    @pytest.fixture
    def samples(self, broker: Any) -> list[Sample]:
        def sample(declared: dict[str, Any], *variants: dict[str, Any]) -> Sample:
            first, *support = broker.resources(declared)
            return Sample(
                first, tuple(broker.resources(each)[0] for each in variants), tuple(support)
            )

        def queue(name: str, **settings: Any) -> dict[str, Any]:
            return {"queues": {name: settings}, **EXCHANGE}

        quorum = {"type": "quorum", "message_ttl": "1h", "delivery_limit": 5}
        policy_led = {"exchange": "own_dlx", "routing_key": "a", "settings_in": "policy"}
        return [
            sample(
                queue("own_full", **FULL),
                queue("own_full", **FULL | {"message_ttl": "2h"}),
                queue("own_full", **FULL | {"max_length": 2000, "expires": "8d"}),
                queue("own_full", **FULL | {"max_length_bytes": "1GiB", "overflow": "drop-head"}),
            ),
            sample(queue("own_plain"), queue("own_plain", message_ttl="5m")),
            sample(
                queue("own_quorum", **quorum),
                queue("own_quorum", **quorum | {"message_ttl": "90s", "delivery_limit": 7}),
            ),
            sample(
                queue("own_dead", dead_letter=policy_led),
                queue("own_dead", dead_letter=policy_led | {"routing_key": "b"}),
            ),
            sample({"queues": {"own_stream": {"type": "stream"}}}),
            sample({"exchanges": {"own_topic": {"type": "topic", "durable": False}}}),
            sample({"bindings": [BINDING], "queues": {"own_bound": {}}}),
            sample(
                {"policies": {"own_policy": POLICY}},
                {"policies": {"own_policy": POLICY | {"priority": 4, "pattern": "^never2_"}}},
                {"policies": {"own_policy": POLICY | {"definition": {"max-length": 6}}}},
            ),
        ]

    @pytest.fixture
    def witness(self, broker: Any) -> Callable[[], str]:
        def ask() -> str:
            return "\n".join(
                [
                    broker.ctl("list_queues", "name", "arguments", "policy", "durable"),
                    broker.ctl("list_exchanges", "name", "type", "arguments"),
                    broker.ctl("list_bindings"),
                    broker.ctl("list_policies"),
                ]
            )

        return ask

    @pytest.fixture
    def stranger(self, broker: Any) -> Callable[[], Callable[[], str]]:
        def make() -> Callable[[], str]:
            broker.put("queues", "own_x", {"arguments": {"x-max-priority": 3}})
            broker.put("exchanges", "others", {"type": "fanout"})
            broker.bind("others", "own_x", {"routing_key": "k"})
            broker.put(
                "policies", "others", {"pattern": "^own_x$", "definition": {"max-length": 77}}
            )

            def read() -> str:
                lines = [
                    *broker.ctl("list_queues", "name", "arguments", "policy").splitlines(),
                    *broker.ctl("list_bindings").splitlines(),
                    *broker.ctl("list_policies").splitlines(),
                    *broker.ctl("list_exchanges", "name", "type").splitlines(),
                ]
                return "\n".join(sorted(x for x in lines if "own_x" in x or "others" in x))

            return read

        return make
