"""What is looked up at the broker right before and right after a batch of writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from bizops import errors
from bizops.change import Action
from bizops.providers.rabbitmq import quorum_counts, settling
from bizops.providers.rabbitmq.api import requests
from bizops.providers.rabbitmq.live.snapshots import Vhost

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from bizops.change import Outcome, Step
    from bizops.providers.rabbitmq.live.snapshots import Snapshot

    Key = tuple[str, str]


class Read(Protocol):
    """Reads vhosts anew; raises ProviderError."""

    def __call__(self, vhosts: Collection[str], *, is_whole: bool) -> Snapshot:
        """Read them; without `is_whole` only queues and policies."""


class BatchReads:
    """`read` reads vhosts, `counted` counts quorum queues by vhost in what was read."""

    def __init__(
        self,
        read: Read,
        counted: Callable[[Snapshot, Mapping[str, Collection[str]]], Snapshot],
        section_vhost: str,
    ) -> None:
        self._read = read
        self._counted = counted
        self._section = section_vhost

    def filled(self, steps: Sequence[Step]) -> dict[Key, str]:
        """Look once more at queues that would lose what they hold, and were empty when that was planned.

        Gives why a step is not to be written after all. Raises ProviderError.
        """
        guarded = [
            (step, step.write.payload)
            for step in steps
            if step.write is not None and step.action is Action.CREATE and step.write.payload.empty
        ]
        if not guarded:
            return {}
        snapshot = self._read({payload.vhost for _, payload in guarded}, is_whole=False)
        for _, payload in guarded:
            queues = snapshot.vhosts[payload.vhost].queues
            uncounted = [
                name
                for name in payload.empty
                if name in queues and queues[name].type == "quorum" and not queues[name].away
            ]
            if uncounted:
                snapshot = self._counted(snapshot, {payload.vhost: uncounted})
        return {
            step.key: text
            for step, payload in guarded
            if (text := quorum_counts.filled(payload.empty, snapshot.vhosts[payload.vhost]))
        }

    def made(self, steps: Sequence[Step], sent: Collection[Key]) -> dict[Key, Outcome]:
        """Look for the queues whose creation was `sent` and not answered.

        Gives the outcomes of those that are there. Raises ProviderError.
        """
        asked = [step for step in steps if step.key in sent and requests.is_made_queue(step)]
        if not asked:
            return {}
        vhosts = self._read({self._vhost(step) for step in asked}, is_whole=False).vhosts
        found = [requests.made(step, vhosts[self._vhost(step)]) for step in asked]
        return {outcome.step.key: outcome for outcome in found if outcome is not None}

    def gone(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Look whether what was not found for its deletion is really gone."""
        doubtful = {self._vhost(o.step) for o in outcomes if requests.is_doubtful(o)}
        if not doubtful:
            return outcomes
        try:
            vhosts = self._read(doubtful, is_whole=False).vhosts
        except errors.ProviderError as error:
            vhosts = {name: Vhost(name, problem=str(error)) for name in doubtful}
        return [
            requests.looked_up(outcome, vhosts[self._vhost(outcome.step)])
            if requests.is_doubtful(outcome)
            else outcome
            for outcome in outcomes
        ]

    def _vhost(self, step: Step) -> str:
        return settling.vhost_of(step, self._section)
