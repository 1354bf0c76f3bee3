"""A broker, a vhost of each test's own, and rabbitmqctl as a witness."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pika
import pytest
import requests

from bizops import guard
from bizops.provider import Options, Scope
from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.declared.connection import Connection
from bizops.providers.rabbitmq.declared.specs import Settings
from bizops.resource import Resource, Source
from bizops.testing import carry_out, converge, guarded, plan_for
from stack.names import own_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from bizops.change import ApplyResult, Change, Plan
    from bizops.planner import Targeting
    from bizops.provider import Provider
    from stack.servers import Server

Declared = dict[str, Any]
TIMEOUT = 20


@dataclass
class Broker:
    """One vhost of a real broker, its administrator, and our provider connected to it."""

    server: Server
    vhost: str
    live: Provider
    scope: Scope
    admin: requests.Session = field(repr=False)

    def url(self, *segments: str) -> str:
        return f"http://127.0.0.1:{self.http}/api/" + "/".join(quote(s, safe="") for s in segments)

    @property
    def http(self) -> int:
        return self.server.port(15672)

    @property
    def amqp(self) -> int:
        return self.server.port(5672)

    @property
    def version(self) -> tuple[int, ...]:
        """The broker's version, such as `(4, 0, 5)`."""
        answer = self.admin.get(self.url("overview"), timeout=TIMEOUT)
        return tuple(int(number) for number in answer.json()["rabbitmq_version"].split("."))

    def put(self, kind: str, name: str, body: Declared, vhost: str = "") -> None:
        answer = self.admin.put(
            self.url(kind, vhost or self.vhost, name), json=body, timeout=TIMEOUT
        )
        assert answer.ok, answer.text

    def delete(self, kind: str, name: str) -> None:
        self.admin.delete(self.url(kind, self.vhost, name), timeout=TIMEOUT).raise_for_status()

    def listing(self, kind: str) -> list[Declared]:
        url = self.url(kind, self.vhost) + "?disable_stats=true"
        answer = self.admin.get(url, timeout=TIMEOUT)
        answer.raise_for_status()
        found: list[Declared] = answer.json()
        return found

    def policies(self) -> dict[str, Declared]:
        return {item["name"]: item["definition"] for item in self.listing("policies")}

    def policy(self, name: str, definition: Declared, **body: Any) -> None:
        """Put a policy as an operator would: for all queues, priority 0."""
        self.put(
            "policies",
            name,
            {"pattern": ".*", "apply-to": "queues", "definition": definition, **body},
        )

    def bind(self, exchange: str, queue: str, body: Declared) -> None:
        url = self.url("bindings", self.vhost, "e", exchange, "q", queue)
        self.admin.post(url, json=body, timeout=TIMEOUT).raise_for_status()

    def ctl(self, *words: str) -> str:
        """Ask rabbitmqctl inside the container, the independent witness."""
        return self.server.run("rabbitmqctl", "-q", "-p", self.vhost, *words)

    def queues(self) -> dict[str, str]:
        """Give the policy of each queue, as rabbitmqctl says."""
        lines = self.ctl("list_queues", "name", "policy", "--no-table-headers").splitlines()
        return dict([*line.split("\t"), ""][:2] for line in lines if line)

    @contextlib.contextmanager
    def channel(self) -> Iterator[Any]:
        parameters = pika.ConnectionParameters("127.0.0.1", self.amqp, self.vhost)
        connection = pika.BlockingConnection(parameters)
        try:
            yield connection.channel()
        finally:
            connection.close()

    def publish(self, queue: str, number: int) -> None:
        with self.channel() as channel:
            channel.confirm_delivery()
            for index in range(number):
                channel.basic_publish("", queue, str(index).encode())

    def count(self, queue: str) -> int:
        with self.channel() as channel:
            found: int = channel.queue_declare(queue, passive=True).method.message_count
            return found

    def resources(self, declared: Declared) -> list[Resource]:
        """Give what the loader would make of a section."""
        settings = self.scope.settings
        found: dict[Any, Resource] = {}
        for plural, entries in declared.items():
            kind = next(kind for kind in DEFINITION.kinds if kind.plural == plural)
            items = entries.items() if isinstance(entries, dict) else [("", e) for e in entries]
            for line, (name, body) in enumerate(items, 1):
                spec = kind.spec.model_validate(body)
                address = kind.address(name, spec, settings)
                source = Source("t.yaml", line, 1)
                external = kind.is_external(spec)
                found[address] = Resource(address, spec, source=source, external=external)
        for resource in list(found.values()):
            for implied in DEFINITION.kind(resource.address.kind).expand(resource, settings):
                found.setdefault(implied.address, implied)
        texts = {str(address): address for address in found}
        return [_with_needs(resource, settings, texts) for resource in found.values()]

    def plan(self, declared: Declared, choice: Targeting | None = None, **limits: Any) -> Plan:
        plan = plan_for(self.live, self.resources(declared), self.scope, choice)
        return guarded(self.live, plan, guard.Consents(max_deletes=999, **limits))

    def converge(self, declared: Declared) -> ApplyResult:
        return converge(self.live, self.resources(declared), self.scope)

    def carry_out(self, plan: Plan, consent: Sequence[str] = ()) -> ApplyResult:
        return carry_out(self.live, plan, consent)

    def own(self, kind: str, *patterns: str) -> None:
        """Let the scope own more than queues and exchanges."""
        self.scope = replace(self.scope, owns=(*self.scope.owns, (kind, patterns)))

    def change(self, plan: Plan, name: str) -> Change:
        return next(change for change in plan.changes if change.address.name == name)


def _with_needs(resource: Resource, settings: Any, texts: Declared) -> Resource:
    references = DEFINITION.kind(resource.address.kind).references(resource, settings)
    needs = tuple(texts[r.address] for r in references if r.address in texts)
    return replace(resource, needs=needs)


@contextlib.contextmanager
def running(server: Server) -> Iterator[Broker]:
    admin = requests.Session()
    admin.auth = ("guest", "guest")
    vhost = own_name()
    settings = Settings(vhost=vhost)
    connection = Connection.model_validate(
        {
            "url": f"http://127.0.0.1:{server.port(15672)}",
            "amqp_url": f"amqp://127.0.0.1:{server.port(5672)}",
        }
    )
    live = DEFINITION.connect(connection, settings, Options(timeout=TIMEOUT))
    scope = Scope("trial", (("queue", ("own_*",)), ("exchange", ("own_*",))), settings)
    broker = Broker(server, vhost, live, scope, admin)
    admin.put(broker.url("vhosts", vhost), json={}, timeout=TIMEOUT).raise_for_status()
    try:
        yield broker
    finally:
        admin.delete(broker.url("vhosts", vhost), timeout=TIMEOUT).raise_for_status()
        admin.close()
        live.close()


@pytest.fixture
def broker(rabbitmq: Server) -> Iterator[Broker]:
    """Give a vhost of its own; it goes with all that is in it."""
    with running(rabbitmq) as found:
        yield found


@pytest.fixture
def open_broker() -> Callable[[Server], AbstractContextManager[Broker]]:
    """Give what opens a vhost of its own on any broker."""
    return running
