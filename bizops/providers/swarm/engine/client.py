"""The engine's HTTP API as raw JSON, over docker-py's transport.

docker-py's own service calls are not used: they fill in defaults and write them back, which restarts every task.
Requests speak the highest version of the API that the engine has, for a lower one strips newer settings on a write.
"""

from __future__ import annotations

import json
import re
import time
import warnings
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from bizops import errors
from bizops.provider import expected
from bizops.providers.swarm.engine import (
    connection_errors,
    endpoint,
    managers,
    nodes,
    response_shapes,
    sessions,
)
from bizops.providers.swarm.engine.responses import OK, Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.provider import Options
    from bizops.providers.swarm.compose.connection import Connection

_OLDEST = (1, 41)
"""Docker 20.10: service status in lists, job modes, capabilities."""
_VERSION = re.compile(r"\d{1,4}(\.\d{1,4})+")
_LEAST_SECONDS = 1.0
"""For the addresses that are left when others have used the time up."""
_SERVER_ERRORS = range(500, 600)
_DENIED = frozenset({401, 403})
_BAD_GATEWAY = 502
"""A proxy, or an authorization plugin of the engine, which refuses every request that it does not know."""
_UNAVAILABLE = 503
_NOT_A_MANAGER = "is not a swarm manager"


class Engine:
    """One engine. Connects on the first request; safe to use from several threads."""

    def __init__(self, connection: Connection, options: Options) -> None:
        self._connection = connection
        self._options = options
        self._endpoint: endpoint.Endpoint | None = None
        self._session: Any = None
        self._programs: Any = None
        self._prefix = ""
        self._swarm = ""
        self._is_lost = False
        self.version = ""
        self.now = 0.0
        """Seconds since 1970 by the clock of whoever gave the last answer, to the second; 0 where it did not say."""
        self.detour: tuple[str, ...] = ()
        """Why a later address than the first is asked, as one warning; empty where the first one is."""

    @property
    def label(self) -> str:
        """What to call the engine."""
        return self._endpoint.label if self._endpoint else "docker"

    def connect(self) -> None:
        """Choose the first address that serves, once, and again after it was lost.

        Addresses that say nothing share one time-out. Raises UnreachableError, DeniedError or WrongSystemError.
        """
        if self._prefix and not self._is_lost:
            return
        candidates = endpoint.candidates(self._connection)
        deadline = time.monotonic() + self._options.timeout
        said: list[errors.ProviderError] = []
        for position, candidate in enumerate(candidates):
            self.close()
            left = max(deadline - time.monotonic(), _LEAST_SECONDS) / (len(candidates) - position)
            try:
                self._open(candidate, left)
                if len(candidates) > 1:
                    self._check_that_it_manages(left)
            except errors.ProviderError as error:
                said.append(error)
            else:
                self._is_lost = False
                self.detour = managers.detour(said, self.label)
                return
        self.close()
        raise managers.none_serves(said)

    def _open(self, candidate: endpoint.Candidate, seconds: float) -> None:
        """Agree on a version with one engine."""
        self._endpoint = endpoint.found(candidate, self._connection.tls, endpoint.environment())
        self._session, self._programs = sessions.opened(self._endpoint, self._options)
        answer = self.ask("GET", "/version", seconds=seconds)
        if answer.status in _DENIED or answer.status in _SERVER_ERRORS:
            raise self.refusal(answer)
        spoken = answer.body.get("ApiVersion") if answer.is_ok else ""
        if not _VERSION.fullmatch(spoken):
            message = (
                f"{self.label} is no Docker engine: it answered {answer.status} to GET /version"
            )
            raise errors.WrongSystemError(message)
        if tuple(int(part) for part in spoken.split(".")) < _OLDEST:
            message = (
                f"{self.label} speaks API {spoken}, and bizops needs 1.41 (Docker 20.10) or later"
            )
            raise errors.WrongSystemError(message)
        self.version = str(answer.body.get("Version", ""))
        self._prefix = f"/v{spoken}"

    def _check_that_it_manages(self, seconds: float) -> None:
        """Ask for the swarm, which a worker does not know, nor a manager without a leader, and for a majority.

        One run stays in one swarm: an address of another one does not take the place of the first.
        """
        answer = self.ask("GET", "/swarm", seconds=seconds)
        if not answer.is_ok:
            raise self.refusal(answer)
        found = str(answer.body.get("ID", ""))
        if self._swarm not in {"", found}:
            message = f"{self.label} is swarm {found}, and this run began on {self._swarm}"
            raise errors.WrongSystemError(message)
        self._swarm = found
        self.get("/nodes")

    def speaks(self, version: tuple[int, int]) -> bool:
        """True where the engine's API is at least of that version."""
        return tuple(int(part) for part in self._prefix.removeprefix("/v").split(".")) >= version

    def get(self, path: str, **params: Any) -> Any:  # noqa: ANN401 - whatever JSON has
        """Read; `params` that are maps go as JSON. Raises a ProviderError where the engine refuses."""
        answer = self.ask("GET", path, params=params)
        if not answer.is_ok:
            raise self.refusal(answer)
        return answer.body

    def ask(  # noqa: PLR0913 - what an HTTP request is made of
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,  # noqa: ANN401 - whatever JSON has
        headers: Mapping[str, str] | None = None,
        seconds: float = 0.0,
    ) -> Answer:
        """Send one request and give the answer, also a refusal.

        Nodes told by a manager without a majority are one: it will refuse by itself some seconds later. Raises a
        ProviderError where there is no answer, and where a reading gives what no engine gives.
        """
        response = self._send(
            method, path, seconds, params=_query(params or {}), json=body, headers=headers
        )
        answer = self._answer(method, path, response.status_code, response.content)
        if path == "/nodes" and answer.is_ok and (why := nodes.minority(answer.body)):
            self._is_lost = True
            return Answer(_UNAVAILABLE, {"message": why})
        if answer.status in _SERVER_ERRORS and managers.NO_LEADER in answer.message:
            self._is_lost = True
        return answer

    def _answer(self, method: str, path: str, status: int, content: bytes) -> Answer:
        is_reading = method == "GET" and status in OK
        try:
            is_told = is_reading or (status in OK and _is_answered(method, path))
            body = expected.decoded(content) if content or is_told else None
            if is_reading:
                expected.check(body, response_shapes.of(path))
            elif is_told:
                expected.check(body, dict)
        except expected.UnexpectedError as error:
            said = f"{self.label} is no Docker engine: it answered {error} to {method} {path}"
            if is_reading:
                raise errors.WrongSystemError(
                    said, remedy=connection_errors.asking(self.label)
                ) from None
            if status in OK:
                return Answer(_BAD_GATEWAY, {"message": f"{said}: nothing may be written"})
            body = content[:500].decode(errors="replace")
        return Answer(status, body)

    def content(self, path: str, seconds: float, **params: Any) -> bytes:  # noqa: ANN401 - query values
        """Read something that is not JSON; empty where the engine refuses."""
        response = self._send("GET", path, seconds, params=params)
        return response.content if response.status_code in OK else b""

    def refusal(self, answer: Answer) -> errors.ProviderError:
        """Give the error for an answer that is a refusal, in the engine's own words."""
        said = answer.message
        if _NOT_A_MANAGER in said and "Worker" in said:
            message = f"{self.label} is a worker of a swarm, and only managers know its services"
            return errors.WrongSystemError(
                message, remedy="docker node ls   # on a manager, shows all of them"
            )
        if _NOT_A_MANAGER in said:
            message = f"{self.label} is not part of a swarm"
            return errors.WrongSystemError(message, remedy="docker swarm init")
        text = f"{self.label}: {said}"
        if answer.status in _DENIED:
            return errors.DeniedError(text)
        return (
            errors.RetryableError(text)
            if answer.status in _SERVER_ERRORS
            else errors.RejectedError(text)
        )

    def close(self) -> None:
        """Give back connections."""
        if self._session is not None:
            self._session.close()
        if self._programs is not None:
            self._programs.stop()
        self._session, self._programs, self._prefix = None, None, ""

    def registry_header(self, registry: str) -> str:
        """Give the credentials for a registry as the docker CLI finds them, encoded for the engine, or "".

        Raises DeniedError where a credential helper fails.
        """
        import docker.auth  # noqa: PLC0415 - heavy, and only an image that is written needs it
        import docker.errors  # noqa: PLC0415 - as above

        # A helper that is missing is told by the error; docker-py would print a warning as well.
        warnings.filterwarnings("ignore", module=r"docker\.credentials")
        try:
            found = docker.auth.get_config_header(self._session, registry)
        except docker.errors.DockerException as error:
            message = f"no credentials for {registry}: {error}"
            raise errors.DeniedError(message) from None
        return found.decode() if found else ""

    def _send(self, method: str, path: str, seconds: float, **given: Any) -> Any:  # noqa: ANN401 - the transport's
        try:
            response = self._session.request(
                method,
                f"{self._session.base_url}{self._prefix}{path}",
                timeout=seconds or self._options.timeout,
                **given,
            )
        except OSError as error:  # docker-py's and requests' errors are OSErrors
            self._is_lost = True
            complaint = self._programs.complaint() if self._programs else ""
            waited = seconds or self._options.timeout
            raise connection_errors.error(self.label, error, waited, complaint) from None
        self.now = _seconds(response.headers.get("Date"))
        return response


def _is_answered(method: str, path: str) -> bool:
    """True where the engine has something to say when it did what was asked (20.10 to 28.5)."""
    return method == "POST" and (path.endswith("/create") or path.startswith("/services/"))


def _query(params: Mapping[str, Any]) -> dict[str, Any]:
    """Give query values; a map goes as JSON, as the engine takes its filters."""
    return {
        key: json.dumps(held) if isinstance(held, dict) else held for key, held in params.items()
    }


def _seconds(date: str | None) -> float:
    """Read the header that says when an answer was given."""
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return 0.0
