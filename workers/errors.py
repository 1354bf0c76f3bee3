"""The error tree of the workers.

    WorkersError
    ├── SettingsError           the environment has faults; carries all of them
    ├── InvalidTaskError        a message that is no task; carries all that is wrong with it
    ├── RunError                an agent's run ended without an answer
    │   ├── TransientError      another try may help: 408, 409, 429, 5xx, no connection, out of time
    │   └── PermanentError      no further try helps: 400, 401, 403, 404, 422, a content refusal
    └── AwayError               a system that a worker needs cannot be reached now
        ├── StoreAwayError      Redis
        ├── EventsAwayError     Kafka
        ├── QueueReadError      RabbitMQ: a queue cannot be read
        └── PublishError        RabbitMQ did not confirm a message
            └── RefusedError    it refused it, and may do so again: a full queue, a missing exchange, no right
                ├── UnroutableError  it gave it back: no queue takes it
                └── UnsendableError  it has no encoding, or RabbitMQ closes the connection over it

Every message is one line, and holds no secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.protocol.usage import Usage

REMEDY = "bizops apply makes what the topology declares"
"""What helps where a queue, an exchange or a topic is missing: a worker declares nothing itself."""


class WorkersError(Exception):
    """Anything that the workers say to an operator on purpose."""


class SettingsError(WorkersError):
    """The environment has faults: `faults` holds one line for each, with the variable's name and never its value."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class InvalidTaskError(WorkersError):
    """A message is no task: `faults` holds one line for each thing that is wrong with it."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class RunError(WorkersError):
    """A run of an agent ended without an answer.

    `error_class` is the word for it in headers and metrics, such as `rate_limited`. `is_provider` says that the
    model's provider is to blame, whatever the task: such failures open the circuit breaker. `spent` is the model, and
    what it counted before the run ended, which is paid for all the same; None where no model was asked.
    """

    def __init__(self, message: str, *, error_class: str, is_provider: bool = False) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.is_provider = is_provider
        self.spent: tuple[str, Usage] | None = None


class TransientError(RunError):
    """Another try may help; not before `retry_after` seconds where the provider said so."""

    def __init__(
        self,
        message: str,
        *,
        error_class: str,
        is_provider: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, error_class=error_class, is_provider=is_provider)
        self.retry_after = retry_after


class PermanentError(RunError):
    """No further try helps."""


class AwayError(WorkersError):
    """A system that a worker needs cannot be reached now."""


class StoreAwayError(AwayError):
    """Redis cannot be reached, or does not answer in time."""


class EventsAwayError(AwayError):
    """Kafka did not report an event as delivered."""


class QueueReadError(AwayError):
    """A queue cannot be read: RabbitMQ is away, refuses it, or has no such queue."""


class PublishError(AwayError):
    """RabbitMQ did not confirm a message: it may have it all the same."""


class RefusedError(PublishError):
    """RabbitMQ refused a message, and not because it was away: the same one may be refused for good."""


class UnroutableError(RefusedError):
    """RabbitMQ returned a message, because no queue takes it."""


class UnsendableError(RefusedError):
    """A message cannot be sent: a text in it is none, a frame has no room for it, or RabbitMQ cannot read it."""
