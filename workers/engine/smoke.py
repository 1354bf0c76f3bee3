"""Proves an image: `python -m workers.engine.smoke` lets real agents work, with a provider of its own on loopback.

It needs no network, no broker and no key, fails where something was cut that an agent loads, and sees that nobody
else is asked: neither a name server nor CrewAI's telemetry. One line of JSON; exit code 1 where it has faults.
"""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final

from workers.configuration.settings import load_settings
from workers.engine.crew import CrewEngine
from workers.engine.interface import AgentProfile, Deadline
from workers.errors import WorkersError
from workers.protocol.task import Task

MODELS: Final = ("openai/smoke", "anthropic/smoke")
UNWANTED: Final = ("crewai_tools", "litellm")
"""What would run code, or has been shipped with somebody's malware in it (LiteLLM 1.82.7)."""
LOOPBACK: Final = "127.0.0.1"
ANSWER: Final = '{"decision": "proceed"}'
PERSONA: Final = AgentProfile(
    "order", "Order Specialist", "decide on orders", "You know every order."
)
TASK: Final = Task("smoke", "Decide on the order {id}.", "a decision", {"id": 42})


class _Provider(BaseHTTPRequestHandler):
    """Gives the one answer in OpenAI's shape and Anthropic's at once; each SDK reads its own."""

    asked: Final[list[str]] = []

    def do_POST(self) -> None:
        """Answer, and remember what was asked."""
        self.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        message = {"role": "assistant", "content": ANSWER}
        answer = {
            "id": "smoke",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "content": [{"type": "text", "text": ANSWER}],
            "stop_reason": "end_turn",
            "usage": {
                "prompt_tokens": 7,
                "completion_tokens": 3,
                "input_tokens": 7,
                "output_tokens": 3,
            },
        }
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _try(model: str, port: int) -> list[str]:
    """Let an agent work on a task with a model, and give what is wrong with its answer."""
    environment = {
        "LLM_MODEL": model,
        "LLM_BASE_URL": f"http://{LOOPBACK}:{port}/v1",
        "OPENAI_API_KEY": "none",
        "ANTHROPIC_API_KEY": "none",
    }
    before = len(_Provider.asked)
    try:
        answer = CrewEngine(load_settings(environment)).run(PERSONA, TASK, Deadline(60))
    except WorkersError as error:
        return [f"{model}: {error}"]
    asked = _Provider.asked[before:]
    usage = (answer.usage.calls, answer.usage.prompt_tokens, answer.usage.completion_tokens)
    checks = {
        f"answered {answer.text!r}": answer.text == ANSWER,
        f"asked {len(asked)} times for one answer": len(asked) == 1,
        f"counted calls and tokens as {usage}": usage == (1, 7, 3),
        "did not get the task as it was written": "the order {id}." in "".join(asked),
    }
    return [f"{model}: {fault}" for fault, is_well in checks.items() if not is_well]


def main() -> int:
    """Try each provider, and print what was found."""
    strangers: set[str] = set()

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"socket.getaddrinfo", "socket.gethostbyname"} and arguments[0] != LOOPBACK:
            strangers.add(str(arguments[0]))
        if event == "socket.connect" and LOOPBACK not in str(arguments[1]):
            strangers.add(str(arguments[1]))

    sys.addaudithook(listen)
    signals = [signal.getsignal(number) for number in signal.valid_signals()]
    server = HTTPServer((LOOPBACK, 0), _Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    began = time.monotonic()
    faults = [fault for model in MODELS for fault in _try(model, server.server_port)]
    seconds = round(time.monotonic() - began, 1)
    server.shutdown()
    faults += [f"somebody else was asked: {name}" for name in sorted(strangers)]
    faults += [f"{name} is installed" for name in UNWANTED if importlib.util.find_spec(name)]
    if signals != [signal.getsignal(number) for number in signal.valid_signals()]:
        faults.append("CrewAI took a signal")
    sys.stdout.write(json.dumps({"models": MODELS, "seconds": seconds, "faults": faults}) + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
