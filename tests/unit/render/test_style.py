"""How a stream decides colour, width and glyphs; how numbers become words; exit codes; the lines of a running apply."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bizops import render
from bizops.change import (
    Action,
    ApplyResult,
    Change,
    FieldChange,
    Outcome,
    Plan,
    Refusal,
    Status,
    Step,
    Write,
)
from bizops.quantity import Duration
from bizops.render.entry import Writer
from bizops.render.progress import Lines, Screen, screen_lines
from bizops.render.style import Style, count_text, duration_text, list_text
from bizops.render.values import Values
from bizops.resource import (
    Address,
    Observation,
    Presence,
    Resource,
    Spec,
    absent,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESS = Address("rabbitmq", "queue", ("q",))
CREATION = Change(ADDRESS, Action.CREATE, None, absent(ADDRESS))
STEP = Step(Action.CREATE, CREATION)

WRITE = Step(Action.DELETE, write=Write("rabbitmq", "p", Action.DELETE, "policy p"))


class Terminal(io.TextIOWrapper):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        """Claim it."""
        return True


def _stream(encoding: str = "utf-8", *, is_terminal: bool = True) -> io.TextIOWrapper:
    made = Terminal if is_terminal else io.TextIOWrapper
    return made(io.BytesIO(), encoding=encoding)


@pytest.mark.parametrize(
    ("environ", "is_terminal", "colour"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
    ],
)
def test_colour_follows_the_environment(
    environ: dict[str, str], *, is_terminal: bool, colour: bool
) -> None:
    """NO_COLOR beats FORCE_COLOR beats TERM=dumb beats being a terminal."""
    assert Style.of(_stream(is_terminal=is_terminal), environ).colour is colour


@pytest.mark.parametrize(
    ("columns", "width"), [("72", 72), ("7", 40), ("0", 100), ("wide", 100), ("", 100)]
)
def test_width_comes_from_columns_where_it_is_a_number(columns: str, width: int) -> None:
    """COLUMNS is respected within reason; a stream without a terminal is 100 wide."""
    assert Style.of(_stream(), {"COLUMNS": columns}).width == width


@pytest.mark.parametrize(("columns", "width"), [(0, 100), (80, 80), (20, 40), (200, 120)])
def test_a_terminal_gives_its_own_width_within_reason(columns: int, width: int) -> None:
    """One that was never told its size says 0; at 200 columns the eye loses the line to the right edge."""
    master, slave = pty.openpty()
    try:
        with os.fdopen(slave, "w", encoding="utf-8") as stream:
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            assert Style.of(stream, {}).width == width
            assert Style.of(stream, {"COLUMNS": "200"}).width == 200
    finally:
        os.close(master)


@pytest.mark.parametrize(
    ("encoding", "unicode"), [("utf-8", True), ("ascii", False), ("latin-1", False)]
)
def test_glyphs_are_ascii_where_the_stream_is_not_utf8(encoding: str, *, unicode: bool) -> None:
    """Every glyph has a stand-in that the stream can encode."""
    style = Style.of(_stream(encoding), {})
    assert style.unicode is unicode
    assert style.glyph("⚠") == ("⚠" if unicode else "(!)")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.06, "0.06 s"),
        (0.099, "0.1 s"),
        (3, "3 s"),
        (11.44, "11.4 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (132.4, "2 min 12 s"),
        (3600, "1 h 0 min"),
    ],
)
def test_seconds_read_as_people_count_them(seconds: float, text: str) -> None:
    """No minute has sixty seconds."""
    assert duration_text(seconds) == text


def test_numbers_agree_with_their_nouns() -> None:
    """One message, two policies."""
    assert [count_text(1, "messages"), count_text(0, "policies"), count_text(1, "policies")] == [
        "1 message",
        "0 policies",
        "1 policy",
    ]
    assert [list_text("a"), list_text("ab"), list_text("abc")] == ["a", "a and b", "a, b and c"]


REFUSAL = Refusal(ADDRESS, "", "no")
LOST = unreadable(ADDRESS, "403")
IDLE = Change(
    ADDRESS,
    Action.NOOP,
    Resource(ADDRESS, Spec()),
    Observation(ADDRESS, Presence.PRESENT, degraded="no task runs"),
)
FULL = Plan("t", (CREATION,))


@pytest.mark.parametrize(
    ("plan", "plain", "detailed", "drift"),
    [
        (Plan("t"), 0, 0, 0),
        (FULL, 0, 2, 2),
        (replace(FULL, refusals=(REFUSAL,)), 1, 1, 2),
        (replace(FULL, unreadable=(LOST,)), 3, 3, 3),
        (replace(FULL, unreadable=(LOST,), refusals=(REFUSAL,)), 1, 1, 3),
        (Plan("t", unmanaged=(LOST,)), 0, 0, 2),
        (Plan("t", (IDLE,)), 0, 2, 2),
    ],
)
def test_exit_codes_rank_error_before_incomplete_before_differences(
    plan: Plan, plain: int, detailed: int, drift: int
) -> None:
    """1 beats 3 beats 2; in drift a refusal is a difference."""
    codes = (
        render.plan_verdict(plan, detailed=False),
        render.plan_verdict(plan, detailed=True),
        render.drift_verdict(plan),
    )
    assert codes == (plain, detailed, drift)


def test_an_interrupted_apply_says_what_is_left(plain: Style) -> None:
    """Nothing is called done that is not."""
    result = ApplyResult((Outcome(STEP, Status.RUNNING),), interrupted=True)
    text = render.result_text(result, FULL, plain, 3)
    assert text.splitlines() == [
        "Apply: 0 added, 0 changed, 0 destroyed, 0 failed, 0 skipped, 1 settling in 3 s.",
        "Interrupted: nothing more was started. Run it again to finish: only rabbitmq.queue/q is",
        "left.",
    ]
    assert render.apply_verdict(result) == 1


def test_writes_that_were_done_count_though_what_they_are_for_was_skipped(plain: Style) -> None:
    """Else "0 changed" stands where a policy has changed ten queues."""
    write = replace(WRITE.write, serves=(STEP.change.address,))
    plan = replace(FULL, writes=(write,))
    outcomes = (
        Outcome(replace(WRITE, write=write), Status.APPLIED),
        Outcome(STEP, Status.SKIPPED, "it needs policy p, which failed"),
    )

    told = " ".join(render.result_text(ApplyResult(outcomes), plan, plain, 3).split())

    assert "0 failed, 1 skipped, 1 further write done in 3 s." in told
    assert "only rabbitmq.queue/q is left, written in part." in told
    assert render.result_json(ApplyResult(outcomes), plan)["writes"] == 1


def test_an_apply_that_was_interrupted_when_all_was_done_says_so(plain: Style) -> None:
    result = ApplyResult((Outcome(STEP, Status.APPLIED),), interrupted=True)
    whole, more = replace(FULL, writes=()), replace(FULL, writes=(WRITE.write,))
    done, open_ = (
        " ".join(render.result_text(result, plan, plain, 3).split()) for plan in (whole, more)
    )
    assert "Interrupted when all was done: nothing is left." in done
    assert "only writes without an address are left" in open_


def test_what_runs_stands_above_the_bar_as_in_its_golden_file(
    plain: Style, golden: Callable[[str, str], None]
) -> None:
    """Running steps show what they wait for and for how long; the hint says what Ctrl-C does."""
    running = [(STEP, 41.0, "2/4 on the new spec, task 3 starting")] * 14
    lines = screen_lines(running, plain, ended=(6, 8), limit=600, frame=3, is_stopping=False)
    ascii_style = Style(colour=False, width=60, unicode=False)
    few = screen_lines(running[:1], ascii_style, ended=(0, 0), limit=9, frame=1, is_stopping=True)
    assert "\n".join(few).isascii()
    golden("progress.txt", "\n".join([*lines, "", *few]))


def test_plain_lines_come_one_for_each_resource(plain: Style) -> None:
    """A log gets the outcome when it is there, and nothing for half of a replace."""
    printed: list[str] = []
    half = Step(Action.DELETE, replace(CREATION, action=Action.REPLACE))
    with Lines(printed.append, plain, limit=9) as lines:
        lines.started(STEP)
        lines.waiting(STEP, "soon", 0.1)
        lines.ended(Outcome(half, Status.APPLIED))
        lines.ended(Outcome(STEP, Status.APPLIED, seconds=0.2))
    assert len(printed) == 1
    assert "rabbitmq.queue/q" in printed[0]


def test_a_long_wait_says_what_for_and_since_when(plain: Style) -> None:
    """A log gets one line after ten seconds, for all that waits, then after twice as long each time."""
    printed: list[str] = []
    other = Step(Action.CREATE, replace(CREATION, address=Address("rabbitmq", "queue", ("r",))))
    lines = Lines(printed.append, plain, limit=300)
    for seconds in (1, 9.9, 10, 10.5, 19, 20.2, 39, 41):
        for step in (STEP, other, WRITE):
            lines.waiting(step, "not there yet", seconds)
    for step in (STEP, other, WRITE):
        lines.ended(Outcome(step, Status.APPLIED, "ready"))
    lines.waiting(STEP, "again", 11)

    assert [line for line in printed if "ready" not in line] == [
        "  … rabbitmq.queue/q and 2 more: for 10 s of 5 min: not there yet",
        "  … rabbitmq.queue/q and 2 more: for 20.2 s of 5 min: not there yet",
        "  … rabbitmq.queue/q and 2 more: for 41 s of 5 min: not there yet",
        "  … rabbitmq.queue/q: for 11 s of 5 min: again",
    ]


def test_the_screen_shows_a_write_that_is_waited_for(plain: Style) -> None:
    """A policy has no line of its own, unless all else stands still because of it."""
    stream = _stream()
    with Screen(stream, plain, total=1, limit=9) as screen:
        screen.started(WRITE)
        screen.waiting(WRITE, "at once", 0.5)
        screen.waiting(WRITE, "still there", 2)
        time.sleep(0.5)
        screen.ended(Outcome(WRITE, Status.APPLIED))
    stream.seek(0)
    shown = stream.read()
    assert "at once" not in shown
    assert "policy p  still there" in shown


def test_the_screen_keeps_ended_lines_and_takes_the_rest_away(plain: Style) -> None:
    """After the work only results are left on the terminal, each once."""
    stream = _stream()
    with Screen(stream, plain, total=1, limit=9) as screen:
        screen.started(STEP)
        screen.waiting(STEP, "soon", 0.1)
        screen.interrupted(waits=True)
        screen.ended(Outcome(STEP, Status.APPLIED, "ready", seconds=0.2))
    stream.seek(0)
    assert stream.read().count("ready") == 1


def test_equal_values_of_what_goes_are_shown_without_their_sort(plain: Style) -> None:
    """What comes into force is the same, and a reader knows nothing of types."""
    week = Duration.parse("7d")
    field = FieldChange(("retention.ms",), week, week, default_of="broker")
    writer = Writer(plain, Values(), verbose=False)
    assert writer.difference(field) == "retention.ms declared nowhere, live 7d"
