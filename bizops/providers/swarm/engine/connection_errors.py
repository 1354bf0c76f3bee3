"""Why there was no answer: the system's own reason, from the bottom of a pile of wrapped errors."""

from __future__ import annotations

from bizops import errors

_GROUP = 'sudo usermod -aG docker "$USER"   # then log in again'


def asking(label: str) -> str:
    """Give a command that asks the same engine without us."""
    is_elsewhere = "://" in label and not label.startswith("unix:///var/run/docker.sock")
    return f"docker --host {label} info" if is_elsewhere else "docker info"


def error(label: str, raised: OSError, seconds: float, complaint: str) -> errors.ProviderError:
    """Give the error for a request without an answer; UnansweredError where its time was over.

    `complaint` is what an ssh program said, or "".
    """
    chain: list[BaseException] = [raised]
    while (inner := _inner(chain[-1])) is not None and inner not in chain:
        chain.append(inner)
    texts = " ".join(str(each) for each in chain).lower()
    if any(isinstance(each, PermissionError) for each in chain):
        message = f"{label}: permission denied: this user may not talk to the engine"
        return errors.DeniedError(message, remedy=_GROUP)
    if "timed out" in texts or any(isinstance(each, TimeoutError) for each in chain):
        return errors.UnansweredError(
            f"{label} did not answer in {seconds:.3g} s", remedy=asking(label)
        )
    message = f"no Docker engine answers at {label}: {complaint or _words(chain)}"
    return errors.UnreachableError(message, remedy=asking(label))


def _inner(error: BaseException) -> BaseException | None:
    """Give what is inside an error: its reason, its cause, or an error among its arguments."""
    for found in (getattr(error, "reason", None), *error.args, error.__cause__, error.__context__):
        if isinstance(found, BaseException):
            return found
    return None


def _words(chain: list[BaseException]) -> str:
    for each in reversed(chain):
        if isinstance(each, OSError) and each.strerror:
            return each.strerror.lower()
    return str(chain[-1]) or type(chain[-1]).__name__
