"""The management API over kept-alive connections, and its failures in our words.

Every request that we make may be made twice: PUT and DELETE by nature, and POST of a binding because the broker keeps
one of each. So one that met a connection which the server had closed meanwhile is sent again once. A deletion of a
queue that was sent and got no answer is another matter: a node that was frozen carries it out when it wakes.

Connecting, sending, the answer's head and its body share one deadline.
"""

from __future__ import annotations

import contextlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy

from bizops import errors
from bizops.provider import expected, http_deadline
from bizops.providers.rabbitmq.api import error_messages, responses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bizops.provider import Options
    from bizops.providers.rabbitmq.declared.connection import Connection

MAX_CONNECTIONS = 16
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_DONE = frozenset({201, 204})
"""What a broker answers to a write that it carried out (3.10.8 to 4.3.6)."""
_OK = 200
_REDIRECTS = range(300, 400)
_REFUSED = 400
_SHORTEST = 0.001
_UNSENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.NameResolutionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.SSLError,
)
"""There was no connection, so nothing was sent."""
_CRASH = "failed with {'EXIT'"
"""In a 400 of 3.10.8 and 4.0.5 for a crash of the broker's own, as when exchanges bound to each other go at once."""


@dataclass(frozen=True, slots=True)
class Request:
    """One write: method, path below `/api`, and the JSON body where there is one."""

    method: str
    path: str
    body: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A status code and, where the broker refused, its reason in words.

    `is_sent` is False where there was no connection, so that surely nothing happened. `is_answer` is True where a
    question, `POST .../get`, was answered.
    """

    status: int
    reason: str = ""
    is_sent: bool = True
    is_answer: bool = False

    @property
    def is_ok(self) -> bool:
        """True where the request was carried out."""
        return self.status in _DONE or self.is_answer

    @property
    def is_unanswered(self) -> bool:
        """True where the broker said nothing at all, so that we do not know what became of the request."""
        return self.status == 0

    @property
    def is_transient(self) -> bool:
        """True where the same request may pass on another try."""
        is_crash = self.status == _REFUSED and _CRASH in self.reason
        return self.status in _TRANSIENT or self.is_unanswered or is_crash


class Client:
    """Speaks to the first address of a connection. Every method may be called from any thread.

    `url` is that address. `unanswered` is why it gave no answer to a request, "" as long as it gave one to each.
    """

    def __init__(self, connection: Connection, options: Options) -> None:
        self.url = connection.url[0]
        self.unanswered = ""
        self._bounds: tuple[float, float] | None = None
        self._whom = error_messages.Authentication(self.url, connection.username, options.timeout)
        self._session = requests.Session()
        self._session.trust_env = False
        threads = max(1, min(MAX_CONNECTIONS, options.parallelism))
        self._http, self._prefix = _connections(self._session, connection, threads)
        self._headers = urllib3.make_headers(
            basic_auth=f"{connection.username}:{connection.password.reveal()}"
        ) | {"Content-Type": "application/json"}
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="rabbitmq")

    def read(self, path: str, timeout: float | None = None) -> Any:  # noqa: ANN401 - any JSON
        """Give what a GET answers within `timeout` seconds, or those of the options; raises ProviderError."""
        response = self._send(Request("GET", path), timeout)
        if response.status in _REDIRECTS:
            raise error_messages.not_rabbitmq(self._whom, path, f"HTTP {response.status}")
        if response.status >= _REFUSED and (_is_json(response) or not response.data):
            raise error_messages.refused(
                self._whom, response.status, error_messages.reason(response.data)
            )
        try:
            return _answer(response, path)
        except expected.UnexpectedError as error:
            said = f"HTTP {response.status} with {error}"
            raise error_messages.not_rabbitmq(self._whom, path, said) from None

    def read_all(self, paths: Sequence[str]) -> list[Any]:
        """Read several paths side by side, and give what each answers, or its ProviderError."""

        def attempt(path: str) -> Any:  # noqa: ANN401 - any JSON, or the error
            try:
                return self.read(path)
            except errors.ProviderError as error:
                return error

        return self.map(attempt, paths)

    def write(self, request: Request, timeout: float | None = None) -> Answer:
        """Carry out one write. Raises nothing: no answer is status 0, with the reason."""
        try:
            response = self._send(request, timeout)
        except errors.ProviderError as error:
            return Answer(0, str(error), not isinstance(error.__context__, _UNSENT))
        if response.status in _DONE:
            return Answer(response.status)
        if response.status == _OK and request.path.endswith("/get") and _is_json(response):
            return Answer(response.status, is_answer=True)
        if response.status < _REFUSED:
            # A gateway or a login page before the broker.
            kind = response.headers.get("Content-Type") or "no type"
            said = (
                f"it answered HTTP {response.status} with content of {kind}, as RabbitMQ does not"
            )
            return Answer(response.status, f"{self.url}: {said}: nothing may be written")
        said = error_messages.reason(response.data)
        return Answer(response.status, error_messages.explained(self._whom, response.status, said))

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """Do the same work for each item over all connections; results in order."""
        return list(self._threads.map(work, items))

    @property
    def left(self) -> float:
        """The seconds that one more request may take."""
        return self._within(self._whom.timeout)

    @contextlib.contextmanager
    def bounded(self, seconds: float) -> Iterator[None]:
        """Let all requests of a block end within so many seconds from now."""
        self._bounds = (time.monotonic() + seconds, seconds)
        try:
            yield
        finally:
            self._bounds = None

    def _within(self, seconds: float) -> float:
        if self._bounds is None:
            return seconds
        return max(_SHORTEST, min(seconds, self._bounds[0] - time.monotonic()))

    def close(self) -> None:
        """Give back the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._session.close()

    def _send(self, request: Request, timeout: float | None = None) -> urllib3.BaseHTTPResponse:
        """Send it, and once more where the kept connection had been closed; raises ProviderError."""
        asked = self._whom.timeout if timeout is None else timeout
        patience = self._within(asked)
        # Where what came before has used up the time, it is the time of all that is told.
        told = self._bounds[1] if self._bounds and patience < asked else patience
        whom = replace(self._whom, timeout=told)
        deadline = time.monotonic() + patience
        body = None if request.body is None else json.dumps(request.body)
        for again in (True, False):
            try:
                response = self._http.urlopen(
                    request.method,
                    f"{self._prefix}{request.path}",
                    body=body,
                    headers=self._headers,
                    timeout=urllib3.Timeout(total=max(deadline - time.monotonic(), _SHORTEST)),
                    retries=False,
                    redirect=False,
                )
            except urllib3.exceptions.HTTPError as error:
                is_worn = isinstance(error, urllib3.exceptions.ProtocolError)
                if again and is_worn and error_messages.is_closed(error):
                    continue
                found = error_messages.unanswered(whom, error)
                self.unanswered = str(found)
                raise found from None
            self._whom = replace(self._whom, is_known=True)
            return response
        raise AssertionError


def _connections(
    session: requests.Session, connection: Connection, size: int
) -> tuple[urllib3.HTTPConnectionPool, str]:
    """Give the session's pool for this broker, and what stands before every path.

    Requests go through the pool itself: preparing them one by one takes twice the time of sending them.
    Raises UsageError where a certificate file cannot be read.
    """
    for setting in ("ca_file", "cert_file", "key_file"):
        _check_readable(setting, getattr(connection, setting))
    session.mount("https://", HTTPAdapter(pool_maxsize=size, pool_block=True))
    session.mount("http://", HTTPAdapter(pool_maxsize=size, pool_block=True))
    url = connection.url[0]
    prepared = requests.Request("GET", f"{url}/api").prepare()
    proxies = get_environ_proxies(url)
    adapter = session.get_adapter(url)
    assert isinstance(adapter, HTTPAdapter)  # noqa: S101 - mounted above
    cert = connection.cert_file
    pair = (cert, connection.key_file) if cert and connection.key_file else cert
    verify: bool | str = connection.verify and (connection.ca_file or True)
    if not connection.verify:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    pool = adapter.get_connection_with_tls_context(prepared, verify, proxies=proxies, cert=pair)
    assert isinstance(pool, urllib3.HTTPConnectionPool)  # noqa: S101 - of an http or https URL
    http_deadline.bound(pool)
    is_proxied = bool(select_proxy(url, proxies)) and url.startswith("http://")
    return pool, f"{url}/api" if is_proxied else prepared.path_url


def _check_readable(setting: str, path: str | None) -> None:
    """Raise UsageError where a file of the connection cannot be read: the TLS library would not say which."""
    if path is None:
        return
    try:
        Path(path).read_bytes()
    except OSError as error:
        message = f"connections.rabbitmq.{setting}: {path}: {error.strerror}"
        raise errors.UsageError(message) from None


def _answer(response: urllib3.BaseHTTPResponse, path: str) -> Any:  # noqa: ANN401 - any JSON
    """Give what a GET answers; raises UnexpectedError."""
    found = expected.decoded(response.data)
    if response.status >= _REFUSED or not _is_json(response):
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
        message = f"content of type {kind}" if kind else "content of no type"
        raise expected.UnexpectedError(message)
    expected.check(found, responses.of(path))
    return found


def _is_json(response: urllib3.BaseHTTPResponse) -> bool:
    return "json" in response.headers.get("Content-Type", "")
