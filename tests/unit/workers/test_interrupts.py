"""SIGINT at a command: noted, raised, and found again where that was lost."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from workers import cli, interrupts


def test_a3_an_interrupt_whose_exception_is_lost_is_found_by_the_next_wait(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python prints a traceback of what is raised in a destructor, and goes on; not of an interrupt."""
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)

    class Careless:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)
            time.sleep(0)  # the handler is called between two steps of Python

    try:
        interrupts.listen()
        with interrupts.raised():
            careless = Careless()
            del careless
            assert capsys.readouterr().err == ""
            with pytest.raises(KeyboardInterrupt):
                interrupts.pause(60)
    finally:
        interrupts.listen()
        signal.signal(signal.SIGINT, before)


def test_a3_an_interrupt_that_becomes_another_error_is_an_interrupt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The binding of librdkafka makes an ImportError of one that comes while it is imported."""
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)

    def parser(_: list[str]) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            message = "Module not found when looking up confluent_kafka.admin.ClusterMetadata"
            raise ImportError(message) from None

    monkeypatch.setattr(cli, "read_arguments", parser)
    try:
        interrupts.listen()
        assert cli.run([]) == 130
    finally:
        interrupts.listen()
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "interrupted\n"
