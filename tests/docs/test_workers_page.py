from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pika
import pytest

from docs import reference
from docs.pages import ROOT, Block, blocks
from workers.configuration.settings import load_settings
from workers.engine.interface import AgentProfile, Answer
from workers.protocol.task import read_task
from workers.protocol.usage import Usage
from workers.runtime.worker import CrewAIWorker

BLOCKS = list(blocks(reference.WORKERS))
AGENTS = [b for b in blocks(ROOT / "docs" / "own-agent.md") if b.language == "python"]


def with_language(language: str) -> list[Block]:
    found = [block for block in BLOCKS if block.language == language and not block.mark]
    assert found
    return found


@pytest.mark.parametrize("block", with_language("json"), ids=lambda block: block.place)
def test_every_task_on_the_page_is_one(block: Block) -> None:
    assert read_task(block.text.encode(), 10_000).id


@pytest.mark.parametrize("block", AGENTS, ids=lambda block: block.place)
def test_an_agent_as_the_page_shows_it_gives_its_persona_to_the_engine(
    block: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a reader copies works: the class builds, and its engine gets role, goal and backstory."""
    names: dict[str, Any] = {}
    exec(compile(block.text, block.place, "exec"), names)  # noqa: S102 - our own page
    (agent,) = [
        found
        for found in names.values()
        if isinstance(found, type) and issubclass(found, CrewAIWorker) and found is not CrewAIWorker
    ]
    met: list[AgentProfile] = []

    def run(persona: AgentProfile, *_: Any) -> Answer:
        met.append(persona)
        return Answer("", "", Usage())

    worker = agent(load_settings({"ENGINE": "stub", "HEALTH_PORT": "0"}))
    try:
        monkeypatch.setattr(worker, "_engine", SimpleNamespace(run=run))
        worker.process_task(read_task(with_language("json")[0].text.encode(), 10_000), None)
    finally:
        worker.cleanup()

    assert met == [AgentProfile(agent.name, agent.role, agent.goal, agent.backstory)]
    assert worker.queue_name == agent.queue


@pytest.mark.integration
def test_the_three_lines_of_the_readme_publish_a_task(
    empty_vhost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = [each for each in blocks(ROOT / "README.md") if each.language == "python"]
    monkeypatch.setenv("RABBITMQ_HOST", "127.0.0.1")
    monkeypatch.setenv("RABBITMQ_VHOST", empty_vhost)
    parameters = pika.ConnectionParameters("127.0.0.1", virtual_host=empty_vhost)
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.queue_declare("auto_orders", durable=True)

        exec(compile(block.text, block.place, "exec"), {"os": os})  # noqa: S102 - our own page

        _, _, body = channel.basic_get("auto_orders", auto_ack=True)
    assert read_task(body, 10_000).description == "Validate order 17"
