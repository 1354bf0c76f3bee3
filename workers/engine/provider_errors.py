"""What a provider's failure means: whether another try may help, from when on, and whose fault it is."""

from __future__ import annotations

import email.utils
import math
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from workers.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.errors import RunError
    from workers.redaction import Redactor

MAX_SAID = 300
REFUSALS = ("content_filter", "content_policy_violation")
"""The codes with which a 400 of OpenAI's or Azure's means the content, not the request."""


def from_status(status: int, headers: Mapping[str, str], code: str, said: str) -> RunError:
    """Give the error for an answer that is none: `code` and `said` are the provider's own words.

    Retries belong to the worker, so this follows RFC 9110 and the providers' pages on errors: 408, 409, 429 and 5xx
    (Anthropic's 529 too) pass by themselves. 402 and 403 are met by every task as 401 is, so they are the account's.
    """
    message = f"the provider answered {status}" + (f": {said}" if said else "")
    if code in REFUSALS:
        return PermanentError(message, error_class="refused")
    if status in {401, 402, 403}:
        # Not the provider's words: they repeat parts of the key.
        message = f"the provider refuses this API key ({status})"
        return PermanentError(message, error_class="provider_auth", is_provider=True)
    if status in {408, 409, 425, 429} or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        words = {408: "provider_timeout", 429: "rate_limited"}
        return TransientError(
            message,
            error_class=words.get(status, "provider_error"),
            is_provider=True,
            retry_after=read_retry_after(headers, time.time()),
        )
    if status >= HTTPStatus.BAD_REQUEST:
        word = "not_found" if status == HTTPStatus.NOT_FOUND else "bad_request"
        return PermanentError(message, error_class=word)
    # A redirect, or a success without an answer: something else than the provider stands at this address.
    return TransientError(message, error_class="provider_error", is_provider=True)


def read_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Give the seconds after which the provider wants to be asked again, None where it does not say.

    `Retry-After` holds seconds or a date (RFC 9110, 10.2.3); `retry-after-ms` is OpenAI's, and finer.
    """
    given = {key.lower(): value.strip() for key, value in headers.items()}
    milliseconds = _read_number(given.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    text = given.get("retry-after", "")
    seconds = _read_number(text)
    if seconds is not None or not text:
        return seconds
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return None


def _read_number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return max(0.0, value) if math.isfinite(value) else None


def timed_out(seconds: float) -> TransientError:
    """Give the error for a request that took longer than it may."""
    message = f"the provider did not answer in full within {seconds:.0f} s"
    return TransientError(message, error_class="provider_timeout", is_provider=True)


def unreachable(said: str) -> TransientError:
    """Give the error for a connection that was refused, or lost before the answer was there."""
    message = f"the provider cannot be reached: {said}"
    return TransientError(message, error_class="provider_unreachable", is_provider=True)


def unreadable(said: str) -> TransientError:
    """Give the error for an answer with status 200 that is not what the provider's API promises."""
    message = f"the provider's answer cannot be read: {said}"
    return TransientError(message, error_class="provider_error", is_provider=True)


def say(text: str, redactor: Redactor) -> str:
    """Give somebody else's words as one short line, without the secrets that they may repeat."""
    line = " ".join(redactor.redact(text).split())
    return line if len(line) <= MAX_SAID else f"{line[:MAX_SAID]}…"
