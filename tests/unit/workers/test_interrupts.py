"""SIGINT at a command: noted, raised, and found again where that was lost."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from workers import interrupts


def test_a3_an_interrupt_whose_exception_is_lost_is_found_by_the_next_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python prints `Exception ignored in` for a destructor and goes on."""
    before = signal.getsignal(signal.SIGINT)
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    class Careless:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)
            time.sleep(0)  # the handler is called between two steps of Python

    try:
        interrupts.listen()
        with interrupts.raised():
            careless = Careless()
            del careless
            assert len(told) == 1
            with pytest.raises(KeyboardInterrupt):
                interrupts.pause(60)
    finally:
        interrupts.listen()
        signal.signal(signal.SIGINT, before)
