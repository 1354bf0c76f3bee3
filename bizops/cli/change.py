"""The commands that change something: apply, destroy, unlock. Each shows what it will do and asks first."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from bizops import errors, render
from bizops.applier import Listener, Stop, Timing
from bizops.change import ApplyResult, Status
from bizops.cli import lock
from bizops.cli.console import UnwritableError
from bizops.cli.inspect import tell_unread
from bizops.cli.options import Switch
from bizops.cli.session import Session, question, session
from bizops.cli.signals import Signals
from bizops.cli.workflow import ApplyOptions
from bizops.render.outcome import is_listed
from bizops.render.progress import Lines, Screen

if TYPE_CHECKING:
    from bizops.change import Outcome, Plan, Step
    from bizops.cli import options
    from bizops.cli.console import Console
    from bizops.cli.workflow import GuardedPlan, PlanOptions

_PASSING = 5.0
"""Seconds on top of a request's time in which a system may come back by itself: an election, a restart."""


def apply(given: options.Apply, console: Console) -> int:
    """Show the plan, ask, carry it out, and say what became of it."""
    with session("apply", given, console) as opened:
        asked = question(given)
        planned = _planned(opened, asked, given, console)
        if planned.plan.is_empty and not planned.plan.awaited:
            return _nothing(planned.plan, console)
        if not (given.auto_approve or planned.plan.is_empty):
            _ask_to_apply(planned.plan, opened.title, console)
        return _carried_out(opened, planned, asked, given, console)


def destroy(given: options.Destroy, console: Console) -> int:
    """Show what would go, let the topology's name be typed, and delete."""
    with session("destroy", given, console) as opened:
        name = opened.topology.name
        if given.auto_approve and given.confirm != name:
            message = f"--auto-approve deletes nothing without --confirm {name}"
            raise errors.UsageError(
                message, remedy=f"{opened.words} --auto-approve --confirm {name}"
            )
        asked = question(given, destroy=True)
        planned = _planned(opened, asked, given, console)
        if planned.plan.is_empty:
            return _gone(planned.plan, console)
        if not given.auto_approve:
            _ask_to_destroy(planned.plan, name, console)
        return _carried_out(opened, planned, asked, given, console)


def unlock(given: options.Online, console: Console) -> int:
    """Free the lock, whoever holds it."""
    with session("unlock", given, console) as opened:
        holder = opened.workflow.unlock()
        if console.is_json:
            console.document({"format_version": "1.0", "holder": holder, "errored": False})
        elif holder:
            console.result(f"Freed the lock that {holder} held.")
        else:
            console.result("Nobody held the lock.")
        return 0


def _planned(
    opened: Session, asked: PlanOptions, given: options.Apply | options.Destroy, console: Console
) -> GuardedPlan:
    """Plan and show it; raises IncompletePlanError or RefusedPlanError where it cannot be applied."""
    planned = opened.plan(asked)
    plan, heading = planned.plan, opened.heading(planned)
    style = console.style(console.people)
    shown = opened.shown(planned)
    text = render.plan_text(shown, style, heading=heading, verbose=given.verbose)
    if plan.refusals or not plan.is_complete or not (given.auto_approve or plan.is_empty):
        console.result(text)
    elif not (plan.is_empty and asked.choice.destroy):  # what is gone is not what the files say
        console.progress(text)
    tell_unread(plan, opened, heading, console)
    if plan.refusals:
        count = render.tally(plan).refused
        message = f"{render.count_text(count, 'changes')} refused, so nothing was applied"
        raise errors.RefusedPlanError(message)
    if not plan.is_complete:
        message = "what could not be read cannot be compared, so nothing was applied"
        raise errors.IncompletePlanError(message)
    return planned


def _nothing(plan: Plan, console: Console) -> int:
    """Say that there was nothing to do, where the plan has not said so."""
    if console.is_json:
        console.document(render.result_json(ApplyResult(), plan))
    elif console.output.quiet:
        console.result(render.summary_line(plan))
    _check_stuck(plan)
    return 0


def _check_stuck(plan: Plan) -> None:
    """Raise StuckError where something that is declared does not run, and nobody tries again by himself."""
    if plan.stuck:
        names = " and ".join(map(str, plan.stuck))
        verb = "does" if len(plan.stuck) == 1 else "do"
        message = (
            f"{names} {verb} not run as declared, and nothing is to be written that would change it"
        )
        ways = [f"bizops apply --restart {address}" for address in plan.stuck]
        raise errors.StuckError(message, remedy="\n".join(ways))


def _gone(plan: Plan, console: Console) -> int:
    """Say that nothing is left to destroy; what is protected is named."""
    for warning in plan.warnings:
        console.warning(warning)
    if console.is_json:
        console.document(render.result_json(ApplyResult(), plan))
    else:
        console.result(f"Destroy: nothing that {plan.topology} declares is there to be destroyed.")
    return 0


def _ask_to_apply(plan: Plan, title: str, console: Console) -> None:
    found = render.tally(plan)
    count = render.count_text(found.steps or found.writes, "changes")
    typed = _answer(
        f"\nApply {count} to {title}? Only 'yes' is accepted:",
        "--auto-approve applies without asking",
        console,
    )
    if typed != "yes":
        message = "not approved, so nothing was applied"
        raise errors.UsageError(message)


def _ask_to_destroy(plan: Plan, name: str, console: Console) -> None:
    count = render.count_text(render.tally(plan).destroy, "objects")
    typed = _answer(
        f"\nDestroy {count} of {name}? Type the topology's name:",
        f"--auto-approve --confirm {name} destroys without asking",
        console,
    )
    if typed != name:
        message = "that is not the topology's name, so nothing was destroyed"
        raise errors.UsageError(message)


def _answer(text: str, remedy: str, console: Console) -> str:
    if not sys.stdin.isatty():
        message = "there is no terminal to ask on, so nothing was written"
        raise errors.UsageError(message, remedy=remedy)
    return console.ask(text)


class _Told(Listener):
    """Passes on what an apply tells: to the screen or the log, or as a line of JSON for each outcome.

    Nobody may be there to hear it any more. The work goes on: it was agreed to, and half of it would be worse.
    """

    def __init__(self, shown: Screen | Lines, console: Console) -> None:
        self._shown = shown
        self._console = console

    def started(self, step: Step) -> None:
        """Pass it on."""
        self._shown.started(step)

    def waiting(self, step: Step, detail: str, seconds: float) -> None:
        """Pass it on."""
        hide = self._console.redacted
        said = render.words(step.change, hide) if step.change else hide
        self._shown.waiting(step, said(detail), seconds)

    def ended(self, outcome: Outcome) -> None:
        """Pass it on, and print it for programs."""
        outcome = render.veiled_outcome(outcome, self._console.redacted)
        with contextlib.suppress(UnwritableError):
            self._shown.ended(outcome)
            if self._console.is_json and render.is_shown(outcome):
                self._console.document(render.outcome_json(outcome))

    def interrupted(self, *, waits: bool) -> None:
        """Say what a signal has changed."""
        with contextlib.suppress(UnwritableError):
            self._shown.interrupted(waits=waits)


def _carried_out(
    opened: Session,
    planned: GuardedPlan,
    asked: PlanOptions,
    given: options.Apply | options.Destroy,
    console: Console,
) -> int:
    """Apply under the lock, with progress and signals. Five parameters, as apply and destroy differ in all of them."""
    stop = Stop()
    started = time.monotonic()
    with Signals(stop) as signals:
        with _progress(planned.plan, given, console) as shown:
            told = _Told(shown, console)
            signals.listeners.append(told.interrupted)
            carriage = ApplyOptions(
                told,
                stop,
                Timing(settle_timeout=given.settle_timeout, silence=given.timeout + _PASSING),
                lock.LockOptions(given.lock is Switch.TRUE, given.lock_timeout, console.warning),
            )
            result = opened.workflow.apply(planned, asked, carriage)
        word = "Destroy" if asked.choice.destroy else "Apply"
        seconds = time.monotonic() - started
        text = render.result_text(
            result, planned.plan, console.style(console.people), seconds, word
        )
        _tell_result(result, planned.plan, text, console)
    if result.interrupted and not signals.code:
        console.error_lines(f"error: stopped: {stop.reason}")
    code = signals.code or render.apply_verdict(result)
    if not code:
        _check_stuck(planned.plan)
    return code


def _progress(
    plan: Plan, given: options.Apply | options.Destroy, console: Console
) -> Screen | Lines:
    people = console.filtered(console.people)
    style = console.style(console.people)
    if given.quiet:
        return Lines(console.nothing, style, limit=given.settle_timeout)
    if console.is_drawn:
        total = sum(_listed(plan))
        return Screen(people, style, total=total, limit=given.settle_timeout)
    return Lines(console.progress, style, limit=given.settle_timeout)


def _listed(plan: Plan) -> list[bool]:
    from bizops import graph  # noqa: PLC0415 - only for the bar

    return [is_listed(step) for step in graph.steps(plan).steps.values()]


def _tell_result(result: ApplyResult, plan: Plan, text: str, console: Console) -> None:
    if console.is_json:
        console.progress(f"\n{text}")
        console.document(render.result_json(result, plan))
    elif console.output.quiet:
        style = console.style(console.people)
        failed = [
            render.veiled_outcome(outcome, console.redacted)
            for outcome in result.outcomes
            if outcome.status is not Status.APPLIED and render.is_shown(outcome)
        ]
        lines = [render.outcome_text(outcome, style) for outcome in failed]
        console.result("\n".join([*lines, text]))
    else:
        console.result(f"\n{text}")
