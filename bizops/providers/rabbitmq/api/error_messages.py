"""What went wrong between us and the management API, as errors with the broker's words and a remedy."""

from __future__ import annotations

import html
import http.client
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3

from bizops import errors

_TLS_MISMATCH = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "record layer failure")
_PORTS = frozenset({15671, 15672})
_USUAL = "the management API usually has port 15672, or 15671 with https://"
_WRONG_PASSWORD = "wrong user name or password"  # noqa: S105 - words for people


@dataclass(frozen=True, slots=True)
class Authentication:
    """Whom we asked, as whom, and how many seconds we waited; `is_known` where it has answered us before."""

    url: str
    user: str
    timeout: float
    is_known: bool = False

    @property
    def remedy(self) -> str:
        """A command that asks the same question without us."""
        return f'curl -sS {self.url}/api/whoami -u "{self.user}"'


def reason(data: bytes) -> str:
    """Give the broker's reason out of the body of a refusal, on one line."""
    try:
        content = json.loads(data)
    except ValueError:
        return data.decode(errors="replace").strip()[:200]
    words = content if isinstance(content, dict) else {}
    said = next((words[key] for key in ("reason", "error", "message") if words.get(key)), "")
    return " ".join(html.unescape(str(said)).split())


def is_closed(error: urllib3.exceptions.HTTPError) -> bool:
    """True where a kept-alive connection had been closed by the other side before it heard us."""
    cause = error.args[-1] if error.args else None
    return isinstance(cause, ConnectionError)


def unanswered(whom: Authentication, error: urllib3.exceptions.HTTPError) -> errors.ProviderError:
    """Give the error for a request without an answer."""
    text = str(error)
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        said = f"{whom.url}: no host has this name"
    elif isinstance(error, urllib3.exceptions.NewConnectionError):
        is_refused = "refused" in text.lower()
        said = f"{whom.url} refused the connection" if is_refused else f"{whom.url}: {_last(text)}"
    elif isinstance(error, urllib3.exceptions.TimeoutError):
        said = f"{whom.url} did not answer in {round(whom.timeout, 1):g} s"
    elif any(mark in text for mark in _TLS_MISMATCH):
        said = f"{whom.url} does not speak TLS; write http:// where the port is plain"
    elif "certificate verify failed" in text.lower():
        said = f"{whom.url}: its certificate is not trusted: {_last(text)}; see ca_file"
    elif isinstance(error, urllib3.exceptions.SSLError):
        said = f"{whom.url}: TLS failed: {_last(text)}"
    elif isinstance(error, urllib3.exceptions.ProtocolError) and _is_cut(error):
        message = f"{whom.url}: its answer ended before it was whole"
        return errors.WrongSystemError(message, remedy=whom.remedy)
    elif isinstance(error, urllib3.exceptions.ProtocolError) and not is_closed(error):
        message = f"{whom.url} does not speak HTTP; {_USUAL}"
        return errors.WrongSystemError(message, remedy=whom.remedy)
    elif isinstance(error, urllib3.exceptions.ProtocolError):
        is_usual = urlsplit(whom.url).port in _PORTS
        why = "it may be starting" if is_usual else _USUAL
        why = "it may have been stopped" if whom.is_known else why
        said = f"{whom.url} closed the connection without a word; {why}"
    else:
        said = f"{whom.url}: {_last(text)}"
    return errors.UnreachableError(said, remedy=whom.remedy)


def _is_cut(error: urllib3.exceptions.HTTPError) -> bool:
    """True where an answer began, and the connection ended before its body did."""
    return isinstance(error.args[-1], http.client.IncompleteRead)


def _last(text: str) -> str:
    """Give the innermost of nested messages."""
    innermost = text.rsplit(": ", 1)[-1].rsplit("] ", 1)[-1]
    return innermost.partition(" (_ssl.c")[0].strip(")('[] ")


def not_rabbitmq(whom: Authentication, path: str, said: str) -> errors.ProviderError:
    """Give the error for an answer that no management API gives; `said` is what came."""
    asked = f"GET /api{path.partition('?')[0]}"
    message = f"{whom.url} is not RabbitMQ's management API: it answers {said} to {asked}"
    return errors.WrongSystemError(message, remedy=whom.remedy)


def refused(whom: Authentication, status: int, said: str) -> errors.ProviderError:
    """Give the error for a read that the broker refused."""
    text = f"{whom.url}: {explained(whom, status, said)}"
    if status in {401, 403}:
        to_blame = "password" if _WRONG_PASSWORD in text else "username"
        setting = f"connections.rabbitmq.{to_blame}"
        return errors.DeniedError(text, remedy=whom.remedy, setting=setting)
    if status >= 500:  # noqa: PLR2004 - HTTP
        return errors.RetryableError(text, remedy=whom.remedy)
    return errors.RejectedError(text, remedy=whom.remedy)


def explained(whom: Authentication, status: int, said: str) -> str:
    """Give the broker's words with what they mean.

    It answers 401 to a wrong password and to a missing right alike; only the words differ (3.10.8 and 4.0.5).
    """
    if status not in {401, 403}:
        return said or f"HTTP {status}"
    meanings = {
        "Not_Authorized": _WRONG_PASSWORD,
        "": _WRONG_PASSWORD,
        "Login failed": _WRONG_PASSWORD,
        "Not management user": "the user needs the policymaker tag",
        "User not authorised to access virtual host": "the user has no permissions in this vhost",
        "User not authorised to access object": "the user needs the policymaker tag",
        "Access refused.": "the user lacks configure, read or write permission on this name",
    }
    meaning = meanings.get(said, "")
    words = f"{said} ({meaning})" if meaning and said else said or meaning
    return f"user {whom.user}: {words}"
