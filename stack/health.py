"""Asking each service itself whether it serves, in milliseconds and without its client library."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stack.parts import Part

SECONDS = 3.0
METADATA_KEY = 3
METADATA_VERSION = 1
GUEST = base64.b64encode(b"guest:guest").decode()


@dataclass(frozen=True)
class Health:
    """What a service said: whether it serves, its version, and why not."""

    is_healthy: bool
    version: str = ""
    detail: str = ""


def ask(part: Part) -> Health:
    """Ask the service behind a part's published ports; never raises."""
    try:
        return _QUESTIONS[part.service](part)
    except (OSError, http.client.HTTPException, ValueError, KeyError, struct.error) as error:
        return Health(is_healthy=False, detail=str(error) or type(error).__name__)


def _get(port: int, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def _ask_rabbitmq(part: Part) -> Health:
    """Log in at the management API, and see that the AMQP port greets."""
    status, _, body = _get(part.ports[15672], "/api/overview", {"Authorization": f"Basic {GUEST}"})
    if status != http.HTTPStatus.OK:
        return Health(is_healthy=False, detail=f"the management API answers {status}")
    version = str(json.loads(body)["rabbitmq_version"])
    with socket.create_connection(("127.0.0.1", part.ports[5672]), SECONDS) as connection:
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        if not connection.recv(8):
            return Health(is_healthy=False, version=version, detail="the AMQP port hangs up")
    return Health(is_healthy=True, version=version)


@dataclass(frozen=True)
class Node:
    """A member of a RabbitMQ cluster, as another one sees it; ``partitions`` are the nodes that it lost sight of."""

    is_running: bool
    partitions: frozenset[str]


def read_nodes(part: Part) -> dict[str, Node]:
    """Give the members of the cluster by name, as this node sees them; raises OSError, ValueError or KeyError."""
    path = "/api/nodes?columns=name,running,partitions"
    status, _, body = _get(part.ports[15672], path, {"Authorization": f"Basic {GUEST}"})
    if status != http.HTTPStatus.OK:
        message = f"/api/nodes answers {status}"
        raise ValueError(message)
    return {
        entry["name"]: Node(entry["running"], frozenset(entry.get("partitions", ())))
        for entry in json.loads(body)
    }


def _ask_rabbitmq_cluster(part: Part) -> Health:
    """The node serves, and in its eyes all nodes are members that run."""
    own = _ask_rabbitmq(part)
    if not own.is_healthy:
        return own
    nodes = read_nodes(part)
    wanted = [f"rabbit@{member}" for member in part.members]
    faults = [f"{name} {fault}" for name in wanted if (fault := _describe_fault(nodes.get(name)))]
    count = sum(node.is_running for node in nodes.values())
    detail = "; ".join([f"{count} of {len(wanted)} nodes run", *faults])
    return Health(not faults, own.version, detail)


def _describe_fault(node: Node | None) -> str:
    if node is None:
        return "is no member"
    if not node.is_running:
        return "is down"
    return f"lost sight of {', '.join(sorted(node.partitions))}" if node.partitions else ""


def _ask_kafka(part: Part) -> Health:
    """Ask for the cluster's brokers (Metadata v1, no topics): the broker must list all of them.

    A KRaft broker answers clients only once the controller has unfenced it.
    """
    port = part.ports[9092]
    client = b"bizops-stack"
    header = struct.pack(">hhih", METADATA_KEY, METADATA_VERSION, 1, len(client)) + client
    request = header + struct.pack(">i", 0)
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (length,) = struct.unpack(">i", _receive(connection, 4))
        response = _receive(connection, length)
    ports = _parse_broker_ports(response)
    if port not in ports:
        return Health(is_healthy=False, version=part.version, detail="not in the cluster yet")
    count = f"{len(ports)} of {len(part.members)} brokers"
    return Health(len(ports) == len(part.members), part.version, count)


def _receive(connection: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        chunk = connection.recv(count - len(content))
        if not chunk:
            message = "the connection was closed"
            raise ConnectionError(message)
        content += chunk
    return content


def _parse_broker_ports(response: bytes) -> list[int]:
    """Read the ports from a Metadata v1 response: id, then (node, host, port, rack) each."""
    (count,) = struct.unpack_from(">i", response, 4)
    position = 8
    ports = []
    for _ in range(count):
        (host_length,) = struct.unpack_from(">h", response, position + 4)
        position += 6 + host_length
        port, rack_length = struct.unpack_from(">ih", response, position)
        position += 6 + max(rack_length, 0)
        ports.append(port)
    return ports


def _ask_redis(part: Part) -> Health:
    with socket.create_connection(("127.0.0.1", part.ports[6379]), SECONDS) as connection:
        connection.sendall(b"PING\r\n")
        answer = connection.recv(64)
        if not answer.startswith(b"+PONG"):
            return Health(is_healthy=False, detail=answer.decode(errors="replace").strip())
        connection.sendall(b"INFO server\r\n")
        text = connection.recv(4096).decode(errors="replace")
    version = next(
        (line.partition(":")[2] for line in text.splitlines() if line.startswith("redis_version")),
        "",
    )
    return Health(is_healthy=True, version=version)


def _ask_registry(part: Part) -> Health:
    status, headers, _ = _get(part.ports[5000], "/v2/", {})
    version = headers.get("Docker-Distribution-Api-Version", "")
    is_healthy = status == http.HTTPStatus.OK
    return Health(is_healthy, version, "" if is_healthy else f"/v2/ answers {status}")


def _ask_llm(part: Part) -> Health:
    status, _, body = _get(part.ports[8089], "/calls", {})
    is_healthy = status == http.HTTPStatus.OK
    detail = f"{json.loads(body)['calls']} calls" if is_healthy else f"/calls answers {status}"
    return Health(is_healthy, part.version, detail)


def _ask_smollm2(part: Part) -> Health:
    status, _, _ = _get(part.ports[8080], "/v1/models", {})
    is_healthy = status == http.HTTPStatus.OK
    return Health(is_healthy, part.version, "" if is_healthy else f"/v1/models answers {status}")


_QUESTIONS = {
    "rabbitmq": _ask_rabbitmq,
    "rabbitmq-cluster": _ask_rabbitmq_cluster,
    "kafka": _ask_kafka,
    "redis": _ask_redis,
    "registry": _ask_registry,
    "llm": _ask_llm,
    "smollm2": _ask_smollm2,
}
