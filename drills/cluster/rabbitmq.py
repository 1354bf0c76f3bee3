"""RabbitMQ under drill: a cluster of three nodes."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pika
import requests
from pika.exceptions import AMQPError

from drills.cluster import promises
from drills.cluster.command import CommandLine
from drills.cluster.harm import Containers, Harm
from drills.cluster.state import DrillError, State, UnreadableError, wait
from drills.servers import HOST, LOGIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pika.adapters.blocking_connection import BlockingChannel

    from drills.cluster.promises import Expected

MESSAGES = {"drill_near": 40, "drill_far": 50, "drill_votes": 60, "drill_log": 70}
STREAM = "drill_log"
QUIET = 3
"""Seconds without a message after which a stream is at its end."""
PREFIX = "drill_"
POLICIES = "bizops.drill."
HIDDEN = "this version does not list it then"
HIDES_BINDINGS_BEFORE = 4
"""The major version since which the bindings of a queue whose node is down are listed."""
FAR = "drill_far"
BINDING_OF_FAR = "drill_in:far.%23:drill_far"
MINORITY = r"1 of 3 nodes run|not readable"
PATIENCE = 60
"""Seconds in which nodes find each other by themselves, or never."""
TICK = 8
"""Seconds after which a node that is cut off is noticed; 60 if nobody sets it."""


class Rabbitmq:
    """`addresses` are the management addresses of the nodes, in order; `amqp` are their AMQP ports."""

    system = "rabbitmq"

    def __init__(self, members: Containers, addresses: Sequence[str], amqp: Sequence[int]) -> None:
        self.members = members
        self.addresses = tuple(addresses)
        # The node that goes first is asked first: the command line has to find the others.
        self.line = self.line_to(self.addresses[::-1])
        self._amqp = tuple(amqp)
        self._version = str(self._get("overview")["rabbitmq_version"])

    def line_to(self, addresses: Sequence[str]) -> CommandLine:
        """Give the command line with these addresses of the three nodes, in their order."""
        variables = {f"DRILL_RABBITMQ_URL_{n}": url for n, url in enumerate(addresses, 1)}
        return CommandLine(self.system, variables)

    def versions(self) -> str:
        """Say which RabbitMQ it is."""
        return f"RabbitMQ {self._version}, three nodes"

    def reset(self) -> None:
        """Remove all, declare drill_far on the last node and the rest on the first, publish."""
        for kind in ("queues", "exchanges", "policies"):
            for item in self._get(f"{kind}/%2F"):
                if str(item["name"]).startswith((PREFIX, POLICIES, "bizops.lock.")):
                    path = f"{kind}/%2F/{quote(item['name'], safe='')}"
                    self._call("DELETE", path).raise_for_status()
        body = {"durable": True, "arguments": {"x-queue-type": "classic"}}
        self._call("PUT", "queues/%2F/drill_far", node=-1, json=body).raise_for_status()
        self._call("PUT", "queues/%2F/drill_near", json=body).raise_for_status()
        said = self.line.run("apply")
        if said.code:
            raise DrillError(said.text)
        self._publish()

    def state(self, *, counts: bool = False) -> State:
        """Ask the first node, over its plain list, which has the queues of dead nodes too."""
        queues = self._ours("queues")
        policies = {item["name"]: item for item in self._get("policies/%2F")}
        objects = {f"rabbitmq.queue/{queue['name']}" for queue in queues}
        objects |= {f"rabbitmq.exchange/{item['name']}" for item in self._ours("exchanges")}
        objects |= {
            f"rabbitmq.binding/{item['source']}:{quote(item['routing_key'])}:{item['destination']}"
            for item in self._get("bindings/%2F")
            if item["source"].startswith(PREFIX)
        }
        # Asked after the bindings: a node that is noticed to be away in between hides them first.
        if self._hides_bindings and any(
            queue["name"] == FAR and queue.get("state") == "down" for queue in self._ours("queues")
        ):
            objects.add(f"rabbitmq.binding/{BINDING_OF_FAR}")
        return State(
            objects=frozenset(objects),
            settings={name: json.dumps(item, sort_keys=True) for name, item in policies.items()},
            contents=self._count() if counts else {},
            doubles=_doubles([queue["name"] for queue in queues], policies),
        )

    def wait_for_loss(self, name: str, harm: Harm) -> None:
        """Wait until the first node does not see it any more; who freezes is not waited for."""
        if harm is not Harm.FREEZE:
            wait(lambda: name not in self._running(), f"{name} is seen to be away")

    def prepare(self, harm: Harm) -> None:
        """Let the nodes notice soon who is cut off."""
        if harm is Harm.CUT:
            expression = f"net_kernel:set_net_ticktime({TICK}, 0)."
            for name in self.members.names:
                self.members.run(name, "rabbitmqctl", "-q", "eval", expression)

    def wait_until_whole(self) -> None:
        """Wait for all nodes; those that stay apart after a partition are restarted, as an operator would.

        4.0.5 may end by itself when it starts beside another node that starts: "possibly an infinite retry loop".
        """
        end = time.monotonic() + PATIENCE
        while not self._comes_back() and not self._is_split() and time.monotonic() < end:
            time.sleep(0.5)
        if not self._is_whole():
            for name in self.members.names[1:]:
                self.members.restart(name)
        wait(self._comes_back, "all nodes run in one cluster, and all queues", 180)

    def expected(self, command: str, harm: Harm, gone: int) -> Expected:
        """As usual, but: a minority may know all that is declared, and then says that it is one.

        Before 4.0 the broker hides the bindings of a queue whose node is down: what declares one is not all read then,
        and says so. Quorum queues and what differs are known there to a minority, too.
        """
        usual = promises.usual(command, harm, gone)
        words = [MINORITY] if gone > 1 and command in promises.READERS else []
        if not self._hides_bindings:
            return dataclasses.replace(usual, words="|".join(words))
        if command not in promises.REMOVERS:
            words.append(HIDDEN)
        changes = frozenset({"~", "CHANGED"} if gone > 1 else ())
        return dataclasses.replace(usual, words="|".join(words), reports=changes)

    @property
    def _hides_bindings(self) -> bool:
        return int(self._version.partition(".")[0]) < HIDES_BINDINGS_BEFORE

    def _comes_back(self) -> bool:
        self.members.start_again()
        return self._is_whole()

    def _running(self) -> set[str]:
        try:
            return {node["name"] for node in self._get("nodes") if node["running"]}
        except UnreadableError:
            return set()

    def _is_split(self) -> bool:
        try:
            return any(node.get("partitions") for node in self._get("nodes"))
        except UnreadableError:
            return False

    def _is_whole(self) -> bool:
        try:
            queues = self._ours("queues")
        except UnreadableError:
            return False
        return (
            self._running() == set(self.members.names)
            and not self._is_split()
            and all(queue.get("state") == "running" for queue in queues)
        )

    def _ours(self, kind: str) -> list[dict[str, Any]]:
        return [i for i in self._get(f"{kind}/%2F") if str(i["name"]).startswith(PREFIX)]

    def _get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        answer = self._call("GET", path)
        if not answer.ok:
            raise UnreadableError(answer.text)
        return answer.json()

    def _call(self, verb: str, path: str, node: int = 0, **options: Any) -> requests.Response:  # noqa: ANN401
        url = f"{self.addresses[node]}/api/{path}"
        try:
            return requests.request(verb, url, auth=LOGIN, timeout=30, **options)
        except requests.RequestException as error:
            raise UnreadableError(str(error)) from error

    def _publish(self) -> None:
        with self._connect() as link:
            channel = link.channel()
            channel.confirm_delivery()
            for queue, number in MESSAGES.items():
                for index in range(number):
                    channel.basic_publish(
                        "",
                        queue,
                        f"{queue} {index}".encode(),
                        pika.BasicProperties(delivery_mode=2),
                        mandatory=True,
                    )

    def _count(self) -> Mapping[str, int]:
        try:
            with self._connect() as link:
                return {queue: _count(link.channel(), queue) for queue in MESSAGES}
        except (AMQPError, OSError) as error:
            raise UnreadableError(repr(error)) from error

    def _connect(self) -> pika.BlockingConnection:
        login = pika.PlainCredentials(*LOGIN)
        return pika.BlockingConnection(
            pika.ConnectionParameters(HOST, self._amqp[0], "/", login, heartbeat=0)
        )


def _count(channel: BlockingChannel, queue: str) -> int:
    """Count what lies in a queue; a stream does not say, so it is read from its beginning."""
    if queue != STREAM:
        return int(channel.queue_declare(queue, passive=True).method.message_count)
    channel.basic_qos(prefetch_count=100)
    number = 0
    for method, _, _ in channel.consume(
        queue, arguments={"x-stream-offset": "first"}, inactivity_timeout=QUIET
    ):
        if method is None:
            break
        number += 1
        channel.basic_ack(method.delivery_tag)
    return number


def _doubles(queues: Sequence[str], policies: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Find queues that more than one derived policy names."""
    found = []
    for queue in queues:
        names = [
            name
            for name, policy in policies.items()
            if name.startswith(POLICIES) and re.search(policy["pattern"], queue)
        ]
        if len(names) > 1:
            found.append(f"policies of {queue}: {', '.join(names)}")
    return tuple(found)
