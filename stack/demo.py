"""`make demo`: the whole story of bizops on the seed topology, told against the real stack.

Every command that is shown is really run, its output is what you see, and its exit code is checked: a story that
goes another way ends with exit 1.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from stack.settings import Settings, load_settings
from stack.state import open_state
from stack.worker_image import NAME, local_registry

TOPOLOGY = "bizosaas-agents"
MESSAGES = 100
# No service of the topology works on it, so what is published waits.
QUEUE = "auto_social_media"
CHANGE = f"rabbitmq: {{queues: {{{QUEUE}: {{message_ttl: 2h}}}}}}\n"
SUBMIT = (
    *("python", "-m", "workers", "submit", "order", "--wait", "--format", "json"),
    *("--description", "Process test order for customer validation"),
    *("--expected-output", "Order validation result with fraud score"),
)


class StoryError(Exception):
    """The story went another way than it is told."""


@dataclass
class Story:
    """Runs commands in front of the reader, from the root of the checkout."""

    root: Path
    management: str
    env: dict[str, str] = field(default_factory=dict)
    chapter: int = 0

    def tell(self, title: str) -> None:
        """Begin a chapter."""
        self.chapter += 1
        print(
            f"\n\033[1m{self.chapter}. {title}\033[0m"
            if _is_coloured()
            else f"\n{self.chapter}. {title}"
        )

    def run(self, *command: str, expect: int = 0, shown: str = "") -> None:
        """Show a command, run it, show what it says; raises StoryError where it ends otherwise than expected."""
        shown = shown or (command[2] if command[0] == "sh" else shlex.join(command))
        print(f"\n$ {shown}", flush=True)
        own = {"bizops": str(Path(sys.executable).with_name("bizops")), "python": sys.executable}
        program = [own.get(command[0], command[0]), *command[1:]]
        code = subprocess.run(program, cwd=self.root, env=self.env, check=False).returncode
        if code != expect:
            message = f"`{shown}` exited {code}, expected {expect}"
            raise StoryError(message)
        if code:
            print(f"(exit {code})")

    def ask_management(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """Talk to RabbitMQ's management API, as a person with curl would."""
        request = urllib.request.Request(  # noqa: S310 - always http on loopback
            f"{self.management}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        request.add_header("content-type", "application/json")
        request.add_header("authorization", f"Basic {base64.b64encode(b'guest:guest').decode()}")
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - as above
            text = answer.read()
        found: dict[str, object] = json.loads(text) if text else {}
        return found


def _is_coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def main() -> int:
    """Tell the story; 0 where it went as told. Takes down what it made in any case."""
    settings = load_settings(os.environ)
    story = Story(
        Path(__file__).parents[1],
        f"http://127.0.0.1:{settings.rabbitmq_management_port}",
        {
            **os.environ,
            "BIZOPS_ENVIRONMENT": "demo",
            "RABBITMQ_MANAGEMENT_URL": f"http://127.0.0.1:{settings.rabbitmq_management_port}",
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{settings.kafka_1_port}",
            "RABBITMQ_PASS": "guest",
            "OPENAI_API_KEY": "unused-by-the-stub",
            "WORKER_IMAGE": f"{local_registry(settings)}/{NAME}:latest",
            "LLM_BASE_URL": f"http://{settings.prefix}llm:8089/v1",
        },
    )
    begun = open_state(os.environ).root / "demo-begun"
    try:
        _prepare(story, begun)
        _tell(story, settings)
    except StoryError as error:
        print(f"\nthe demonstration went another way: {error}", file=sys.stderr)
        return 1
    begun.unlink()
    print("\nThat was all of it. The stack still runs: `make stack-status`, `make stack-stop`.")
    return 0


def _prepare(story: Story, begun: Path) -> None:
    """Start from nothing: take down what an interrupted demonstration left, and never what is somebody's."""
    if begun.exists():
        print("An earlier demonstration was interrupted; taking down what it left.")
        story.run(*DESTROY)
    listed = subprocess.run(
        ["docker", "service", "ls", "-q", "--filter", f"label=bizops.topology={TOPOLOGY}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if listed.strip():
        message = f"{TOPOLOGY} is deployed here already, and not by this demonstration: take it down first"
        raise StoryError(message)
    begun.touch()


DESTROY = (
    "bizops", "destroy", "--auto-approve", "--confirm", TOPOLOGY, "--prune", "--allow-data-loss", "*",
)  # fmt: skip


def _tell(story: Story, settings: Settings) -> None:
    story.tell(
        "Nothing is there yet: the plan creates the seed topology, on three systems, as one graph"
    )
    story.run("bizops", "plan")

    story.tell(
        "Apply it. Queues before the workers that read them; done means running, not written"
    )
    story.run("bizops", "apply", "--auto-approve")

    story.tell("A second plan has nothing to do, and the systems themselves agree")
    story.run("bizops", "plan", "--detailed-exitcode")
    _show_witnesses(story, settings)

    story.tell("A task goes to a queue, through a CrewAI agent in one of 14 replicas, to Kafka")
    _submit(story, settings)

    story.tell(
        f"Change a TTL while {MESSAGES} messages wait: in place, and every one of them is kept"
    )
    _publish(story)
    with tempfile.TemporaryDirectory() as folder:
        change = Path(folder) / "change.yaml"
        change.write_text(CHANGE, encoding="utf-8")
        print(f"\nchange.yaml says: {CHANGE.strip()}")
        _tell_with_change(story, settings, ("-f", "topology/bizosaas.yaml", "-f", str(change)))

    story.tell("Remove it all. Queues with messages and topics go only because they are named")
    story.run(
        *DESTROY, shown=f"bizops destroy -y --confirm {TOPOLOGY} --prune --allow-data-loss '*'"
    )


def _tell_with_change(story: Story, settings: Settings, files: tuple[str, ...]) -> None:
    shown = "-f topology/bizosaas.yaml -f change.yaml"
    story.run("bizops", "apply", *files, "-y", shown=f"bizops apply {shown} -y")
    _show_queue(story)

    story.tell(
        "Break things by hand: a binding, a stray queue, a scaled service, a topic's retention"
    )
    _break(story, settings)
    story.run("bizops", "drift", *files, expect=2, shown=f"bizops drift {shown}")

    story.tell(
        "Apply repairs what is declared; the stray queue stays until it is named with --prune"
    )
    story.run("bizops", "apply", *files, "-y", shown=f"bizops apply {shown} -y")
    story.run("bizops", "apply", *files, "-y", "--prune", shown=f"bizops apply {shown} -y --prune")
    story.run("bizops", "drift", *files, shown=f"bizops drift {shown}")


def _show_witnesses(story: Story, settings: Settings) -> None:
    listing = (
        f"docker exec {settings.prefix}rabbitmq rabbitmqctl -q list_queues name arguments policy"
    )
    story.run("sh", "-c", f"{listing} | grep -aE '^(auto_|hitl_|retry[.]|events[.])'")
    topics = f"docker exec {settings.prefix}kafka-1 kafka-topics --list"
    story.run("sh", "-c", f"{topics} | grep -E '^(ai|analytics|audit|domain|hitl)[.]'")
    story.run("docker", "service", "ls", "--filter", f"label=bizops.topology={TOPOLOGY}")


def _submit(story: Story, settings: Settings) -> None:
    """Publish a task as a gateway would, and follow it to its event."""
    here = {
        "RABBITMQ_HOST": "127.0.0.1",
        "RABBITMQ_PORT": str(settings.rabbitmq_port),
    }
    Story(story.root, story.management, {**story.env, **here}).run(*SUBMIT)


def _publish(story: Story) -> None:
    for number in range(MESSAGES):
        body = {
            "properties": {"delivery_mode": 2},
            "routing_key": QUEUE,
            "payload": json.dumps({"id": f"test-post-{number:03}"}),
            "payload_encoding": "string",
        }
        story.ask_management("POST", "exchanges/%2F/amq.default/publish", body)
    print(f"\n{MESSAGES} messages are published to {QUEUE}")


def _show_queue(story: Story) -> None:
    print(f"\n$ (management API) GET the queue {QUEUE}")
    queue = story.ask_management(
        "GET", f"queues/%2F/{QUEUE}?disable_stats=true&enable_queue_totals=true"
    )
    print(f"messages {queue['messages']}, policy {queue['policy']}")
    if queue["messages"] != MESSAGES:
        message = f"{QUEUE} holds {queue['messages']} messages, not {MESSAGES}"
        raise StoryError(message)


def _break(story: Story, settings: Settings) -> None:
    print("\n$ (management API) DELETE the binding dlx -> auto_seo.dlq; PUT a queue auto_stray")
    story.ask_management("DELETE", "bindings/%2F/e/dlx/q/auto_seo.dlq/auto_seo")
    story.ask_management("PUT", "queues/%2F/auto_stray", {"durable": True})
    story.run("docker", "service", "scale", "--detach", "agent-support=2")
    topic = ("--entity-type", "topics", "--entity-name", "domain.orders")
    change = ("--alter", "--add-config", "retention.ms=3600000")
    story.run("docker", "exec", f"{settings.prefix}kafka-1", "kafka-configs", *topic, *change)


if __name__ == "__main__":
    sys.exit(main())
