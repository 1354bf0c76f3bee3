"""A slot that does not come back is told from one that waits for others."""

from __future__ import annotations

import math
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from workers import liveness
from workers.liveness import SignOfLife
from workers.runtime.health_checks import HealthChecks

LIMIT = 130.0


def problems(*pulses: SignOfLife) -> list[str]:
    """Ask a worker whose other parts are well."""
    now = time.monotonic()
    parts: Any = SimpleNamespace(beat=now, active=list)
    slot: Any = threading.current_thread()
    return HealthChecks(
        parts,
        parts,
        parts,
        parts,
        parts,
        parts,
        slots=[slot],
        pulses=pulses,
        longest_wait=LIMIT,
        watched=lambda: now,
        is_stopping=lambda: False,
    ).problems()


@pytest.fixture
def own() -> SignOfLife:
    made = SignOfLife()
    made.adopt()
    return made


def test_a_slot_that_gives_no_sign_of_life_is_a_problem(own: SignOfLife) -> None:
    liveness.beat()
    assert problems(SignOfLife(), own) == []

    own.at -= LIMIT + 1

    assert problems(SignOfLife(), own) == ["a thread for agents did nothing for 130 s"]


def test_a_slot_that_waits_for_its_agent_is_none(own: SignOfLife) -> None:
    liveness.beat()

    with liveness.rest():
        assert own.at == math.inf
        assert problems(own) == []

    assert time.monotonic() - own.at < 10


def test_a_sign_of_life_is_that_of_its_own_thread(own: SignOfLife) -> None:
    """Others wait for RabbitMQ in the same way, and nobody watches them."""
    thread = threading.Thread(target=liveness.beat)
    thread.start()
    thread.join()

    assert own.at == math.inf
