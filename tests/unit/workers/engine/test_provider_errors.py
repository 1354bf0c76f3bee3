"""What a provider's failure means to the worker: the table of statuses, and the header that says when to ask again."""

from __future__ import annotations

import email.utils
import time

import pytest

from workers.engine.provider_errors import MAX_SAID, from_status, read_retry_after, say
from workers.errors import PermanentError, TransientError
from workers.redaction import Redactor

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("status", "kind", "error_class", "is_provider"),
    [
        (307, TransientError, "provider_error", True),
        (400, PermanentError, "bad_request", False),
        (401, PermanentError, "provider_auth", True),
        (402, PermanentError, "provider_auth", True),
        (403, PermanentError, "provider_auth", True),
        (404, PermanentError, "not_found", False),
        (408, TransientError, "provider_timeout", True),
        (409, TransientError, "provider_error", True),
        (413, PermanentError, "bad_request", False),
        (422, PermanentError, "bad_request", False),
        (429, TransientError, "rate_limited", True),
        (500, TransientError, "provider_error", True),
        (503, TransientError, "provider_error", True),
        (529, TransientError, "provider_error", True),
    ],
)
def test_a_status_says_whether_to_try_again_and_who_is_to_blame(
    status: int, kind: type, error_class: str, is_provider: bool
) -> None:
    error = from_status(status, {}, "", "no")
    assert type(error) is kind
    assert (error.error_class, error.is_provider) == (error_class, is_provider)
    assert str(status) in str(error)


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation"])
def test_a_400_for_the_content_is_a_refusal(code: str) -> None:
    error = from_status(400, {}, code, "filtered")
    assert type(error) is PermanentError
    assert error.error_class == "refused"


@pytest.mark.parametrize("status", [401, 403])
def test_words_about_the_key_are_not_repeated(status: int) -> None:
    """OpenAI's words hold the key's first and last characters."""
    assert "sk-" not in str(from_status(status, {}, "", "Incorrect API key provided: sk-ab***yz"))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": email.utils.formatdate(NOW + 90, usegmt=True)}, 90.0),
        ({"Retry-After": email.utils.formatdate(NOW - 90, usegmt=True)}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_when_to_ask_again_is_read_as_seconds_or_as_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert read_retry_after(headers, NOW) == seconds


def test_a_transient_error_carries_it() -> None:
    header = email.utils.formatdate(time.time() + 60, usegmt=True)
    error = from_status(503, {"Retry-After": header}, "", "")
    assert isinstance(error, TransientError)
    assert error.retry_after == pytest.approx(60, abs=5)


def test_a_message_is_one_short_line_without_a_secret() -> None:
    said = say("the key\nsk-1234 is\twrong " + "x" * 1000, Redactor(["sk-1234", ""]))
    assert said.startswith("the key (hidden) is wrong xxx")
    assert len(said) == MAX_SAID + 1
