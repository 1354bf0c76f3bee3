"""The engine's HTTP API as raw JSON, over docker-py's transport.

docker-py's own service calls are not used: they fill in defaults and write them back, which restarts every task.
Requests speak the highest version of the API that the engine has, for a lower one strips newer settings on a write.
"""

from __future__ import annotations

import json
import logging
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from bizops import errors
from bizops.providers.swarm import endpoint, silence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.provider import Options
    from bizops.providers.swarm.connection import Connection

_OLDEST = (1, 41)
"""Docker 20.10: service status in lists, job modes, capabilities."""
_MOST_SSH_CONNECTIONS = 4
_OK = range(200, 300)
_NOT_A_MANAGER = "is not a swarm manager"


class Answer(NamedTuple):
    """What the engine said: the HTTP status, and its JSON (`{"message": ...}` where it refused)."""

    status: int
    body: Any

    @property
    def is_ok(self) -> bool:
        """True where the engine did what was asked."""
        return self.status in _OK

    @property
    def message(self) -> str:
        """The engine's own words where it refused."""
        said = self.body.get("message", "") if isinstance(self.body, dict) else str(self.body)
        return " ".join(str(said).split())


class Engine:
    """One engine. Connects on the first request; safe to use from several threads."""

    def __init__(self, connection: Connection, options: Options) -> None:
        self._connection = connection
        self._options = options
        self._endpoint: endpoint.Endpoint | None = None
        self._session: Any = None
        self._programs: Any = None
        self._prefix = ""
        self.version = ""

    @property
    def label(self) -> str:
        """What to call the engine."""
        return self._endpoint.label if self._endpoint else "docker"

    def connect(self) -> None:
        """Agree on a version. Raises UnreachableError, DeniedError or WrongSystemError."""
        if self._prefix:
            return
        self._endpoint = endpoint.choose(self._connection, endpoint.environment())
        self._session = self._new_session(self._endpoint)
        answer = self.ask("GET", "/version")
        spoken = answer.body.get("ApiVersion") if isinstance(answer.body, dict) else None
        if not answer.is_ok or not spoken:
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
        """Send one request and give the answer, whatever it is. Raises only where there is none."""
        response = self._send(
            method, path, seconds, params=_query(params or {}), json=body, headers=headers
        )
        try:
            return Answer(response.status_code, response.json() if response.content else None)
        except ValueError:
            return Answer(response.status_code, response.text[:500])

    def content(self, path: str, seconds: float, **params: Any) -> bytes:  # noqa: ANN401 - query values
        """Read something that is not JSON; empty where the engine refuses."""
        response = self._send("GET", path, seconds, params=params)
        return response.content if response.status_code in _OK else b""

    def refusal(self, answer: Answer) -> errors.ProviderError:
        """Give the error for an answer that is a refusal, in the engine's own words."""
        said = answer.message or f"HTTP {answer.status}"
        if _NOT_A_MANAGER in said and "Worker" in said:
            message = f"{self.label} is a worker of a swarm, and only managers know its services"
            return errors.WrongSystemError(
                message, remedy="docker node ls   # on a manager, shows all of them"
            )
        if _NOT_A_MANAGER in said:
            message = f"{self.label} is not part of a swarm"
            return errors.WrongSystemError(message, remedy="docker swarm init")
        text = f"{self.label}: {said}"
        if answer.status in {401, 403}:
            return errors.DeniedError(text)
        return errors.RetryableError(text) if answer.status >= 500 else errors.RejectedError(text)  # noqa: PLR2004

    def close(self) -> None:
        """Give back connections."""
        if self._session is not None:
            self._session.close()
        if self._programs is not None:
            self._programs.stop()
        self._session, self._prefix = None, ""

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
            return self._session.request(
                method,
                f"{self._session.base_url}{self._prefix}{path}",
                timeout=seconds or self._options.timeout,
                **given,
            )
        except OSError as error:  # docker-py's and requests' errors are OSErrors
            complaint = self._programs.complaint() if self._programs else ""
            raise silence.error(self.label, error, self._options.timeout, complaint) from None

    def _new_session(self, chosen: endpoint.Endpoint) -> Any:  # noqa: ANN401 - docker-py's client
        import docker.api.client  # noqa: PLC0415 - heavy, and only a live run needs it
        import docker.errors  # noqa: PLC0415 - as above
        import docker.utils  # noqa: PLC0415 - as above

        logging.getLogger("urllib3").setLevel(logging.ERROR)
        try:
            is_ssh = chosen.url.startswith("ssh://")
            parsed = (
                chosen.url if is_ssh else docker.utils.parse_host(chosen.url, tls=bool(chosen.tls))
            )
            host = str(parsed)
            is_dialled = host.startswith(("ssh://", "http+unix://"))
            session = docker.api.client.APIClient(
                base_url="unix:///dialled" if is_dialled else chosen.url,
                version="1.41",  # said so that it asks nothing by itself; the paths carry the real one
                timeout=self._seconds,
                tls=chosen.tls,
                max_pool_size=self._options.parallelism,
            )
        except (docker.errors.DockerException, ValueError) as error:
            message = f"{chosen.label} cannot be used: {error}"
            raise errors.UnreachableError(message, remedy="docker context ls") from None
        if is_dialled:
            session.trust_env = False  # neither proxies nor ~/.netrc concern a socket
            self._mount(session, host)
        return session

    @property
    def _seconds(self) -> int:
        return max(1, int(self._options.timeout))

    def _mount(self, session: Any, host: str) -> None:  # noqa: ANN401 - docker-py's client
        from bizops.providers.swarm import ssh, transport  # noqa: PLC0415 - the latter imports docker

        connections = self._options.parallelism
        dial = transport.local("/" + host.removeprefix("http+unix://").lstrip("/"))
        if host.startswith("ssh://"):
            self._programs = ssh.Programs(ssh.command(host, self._seconds))
            dial, connections = self._programs.dial, min(connections, _MOST_SSH_CONNECTIONS)
        session.mount("http+docker://", transport.Adapter(dial, self._seconds, connections))


def _query(params: Mapping[str, Any]) -> dict[str, Any]:
    """Give query values; a map goes as JSON, as the engine takes its filters."""
    return {
        key: json.dumps(held) if isinstance(held, dict) else held for key, held in params.items()
    }
