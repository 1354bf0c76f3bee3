"""Sends the writes of a batch, in the phases of `writing`."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from bizops.change import Outcome, Status
from bizops.providers.rabbitmq.api import requests, trial_declaration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bizops.change import Step
    from bizops.providers.rabbitmq.api.client import Client
    from bizops.providers.rabbitmq.api.retry_time import Unanswered

    Key = tuple[str, str]


class Writer:
    """Writes over parallel connections; a broker that gives no answer gets no more."""

    def __init__(
        self,
        client: Client,
        unanswered: Unanswered,
        section_vhost: str,
        is_stopped: Callable[[], bool],
    ) -> None:
        self._is_stopped = is_stopped
        self._client = client
        self._unanswered = unanswered
        self._section_vhost = section_vhost

    def write(self, steps: Sequence[Step], filled: Mapping[Key, str]) -> list[Outcome]:
        """Write these steps, in order. `filled` says why some are not written after all, by their keys.

        No policy goes while one that may take its place could not be written.
        """
        done: dict[Key, Outcome] = {}

        def carry_out(chain: Sequence[Step]) -> list[Outcome]:
            return [
                Outcome(step, Status.SKIPPED)
                if self._is_stopped()
                else self._outcome(step, filled, done)
                for step in chain
            ]

        for phase in requests.phases(steps):
            ended = self._client.map(carry_out, phase)
            done |= {outcome.step.key: outcome for outcomes in ended for outcome in outcomes}
        return [done[step.key] for step in steps]

    def unsent(self, step: Step) -> Outcome:
        """Give the outcome of a step that is not sent, because the broker gives no answer."""
        return self._unanswered.unsent(step, self._unanswered.reason)

    def _outcome(
        self, step: Step, filled: Mapping[Key, str], done: Mapping[Key, Outcome]
    ) -> Outcome:
        """Write one step, unless something stands in its way; `done` are those of the phases before."""
        if (stopped := _in_the_way(step, filled, done)) is not None:
            return stopped
        request = requests.request(step, self._section_vhost)
        if request is None:
            return Outcome(step, Status.APPLIED)
        if self._unanswered.reason:
            return self.unsent(step)
        tried = trial_declaration.of(self._client, step, self._section_vhost)
        if tried.problem:
            return Outcome(step, Status.FAILED, f"stays: its new form is refused: {tried.problem}")
        started = time.monotonic()
        answer = self._client.write(request, self._client.left + _matching(step))
        if not answer.is_unanswered:
            told = requests.outcome(step, answer)
            return replace(told, lines=(tried.left,)) if tried.left else told
        self._unanswered.miss(started, answer.reason)
        if answer.is_sent:
            self._unanswered.sent.add(step.key)
        answer = replace(answer, is_sent=step.key in self._unanswered.sent)
        return requests.unanswered(step, answer, self._unanswered.status)


def _matching(step: Step) -> float:
    """Give the seconds that the broker needs for a policy before it answers, on top of those for any request."""
    return step.write.payload.matching if step.write is not None else 0.0


def _in_the_way(
    step: Step, filled: Mapping[Key, str], done: Mapping[Key, Outcome]
) -> Outcome | None:
    """Give the outcome of a step that is not written after all, because of what it or others would lose."""
    if step.key in filled:
        return Outcome(step, Status.FAILED, filled[step.key])
    missing = _missing(done) if requests.is_old_policy(step) else None
    if missing is None:
        return None
    text = f"stays: {missing.step.key[0]} may have to take its place: {missing.detail}"
    return Outcome(step, missing.status, text)


def _missing(done: Mapping[Key, Outcome]) -> Outcome | None:
    """Give the first policy that could not be written."""
    failed = (o for o in done.values() if o.status is not Status.APPLIED)
    return next((outcome for outcome in failed if requests.is_new_policy(outcome.step)), None)
