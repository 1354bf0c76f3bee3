"""The error tree.

    BizopsError
    ├── UsageError             the command line, or a combination of options, makes no sense
    ├── TopologyError          the files have faults; carries all of them
    ├── ProviderError          a live system failed us; carries its own words
    │   ├── UnreachableError   no answer: refused, timed out, TLS failed, name unknown
    │   ├── DeniedError        it answered, and refused the credentials or lacks a permission
    │   ├── WrongSystemError   it is not what it claims to be, or not the cluster in `expect`
    │   ├── RejectedError      it understood the request and refused it
    │   └── RetryableError     it failed in a way that may pass: a conflict, a leader election
    ├── IncompletePlanError    something could not be read, so nothing may be applied
    ├── RefusedPlanError       the plan holds refusals
    ├── StalePlanError         the live systems moved between consent and apply
    ├── LockHeldError          another apply holds the lock
    └── LockLostError          the lock was ours, and is not any more

Every message is one line of plain words; a remedy, where there is one, stands in `remedy`.
No message holds a secret: who builds one passes what a server said through `resource.Secret` values only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class BizopsError(Exception):
    """Anything that bizops says to a user on purpose.

    `remedy` holds commands or settings to try, one a line; empty where there is none.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class UsageError(BizopsError):
    """The command line, or a combination of options, makes no sense."""


class TopologyError(BizopsError):
    """The files have faults: `faults` holds one rendered text for each, in file order."""

    def __init__(self, message: str, faults: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class ProviderError(BizopsError):
    """A live system failed us; the message carries the system's own words.

    `setting` is the path of the connection setting that is to blame, such as `connections.rabbitmq.password`; empty
    where it is the address.
    """

    def __init__(self, message: str, *, remedy: str = "", setting: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.setting = setting


class UnreachableError(ProviderError):
    """No answer: connection refused, timed out, TLS failed, host name unknown."""


class UnansweredError(UnreachableError):
    """A request was sent, and not answered in its time: what it asks for may be done or not, or be done later."""


class DeniedError(ProviderError):
    """The system answered and refused the credentials, or the user lacks a permission."""


class WrongSystemError(ProviderError):
    """The system is not what it claims to be, or not the cluster that `expect` names."""


class RejectedError(ProviderError):
    """The system understood the request and refused it."""


class RetryableError(ProviderError):
    """The system failed in a way that may pass by itself."""


class IncompletePlanError(BizopsError):
    """Something could not be read, so the plan must not be applied."""


class StuckError(BizopsError):
    """All that is planned is done, and something still does not run as it is declared."""


class RefusedPlanError(BizopsError):
    """The plan holds refusals, so nothing is applied."""


class StalePlanError(BizopsError):
    """The live systems moved between consent and apply."""


class LockHeldError(BizopsError):
    """Another apply holds the lock; the message names its holder."""


class LockLostError(BizopsError):
    """The lock was ours, and is not any more."""
