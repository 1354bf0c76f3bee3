"""Which engine to talk to, chosen as the docker CLI chooses.

First what the topology says, then DOCKER_HOST, DOCKER_CONTEXT, and the context in use.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bizops import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.providers.swarm.compose.connection import Connection, Tls

DEFAULT_SOCKET = "unix:///var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An engine's address, how it is secured (docker-py's TLSConfig or False), and what to call it."""

    url: str
    tls: Any
    label: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One engine that may be asked: its `host`, else its `context`, else what the environment says."""

    host: str = ""
    context: str = ""


def candidates(connection: Connection) -> tuple[Candidate, ...]:
    """Give the engines to ask, in order; there is at least one."""
    hosts = tuple(Candidate(host=host) for host in connection.host or ())
    contexts = tuple(Candidate(context=context) for context in connection.context or ())
    return hosts or contexts or (Candidate(),)


def found(candidate: Candidate, tls: Tls | None, environ: Mapping[str, str]) -> Endpoint:
    """Give where an engine is. Raises UnreachableError where a context or a certificate is missing."""
    import docker.errors  # noqa: PLC0415 - heavy, and only a live run needs it

    host = candidate.host or ("" if candidate.context else environ.get("DOCKER_HOST", ""))
    try:
        if host:
            return Endpoint(host, _tls(host, tls, environ), host)
        return _from_context(candidate.context, tls, environ)
    except docker.errors.DockerException as error:
        message = f"the connection to Docker is not set up: {error}"
        raise errors.UnreachableError(message, remedy="docker context ls") from None


def _from_context(given: str, tls: Tls | None, environ: Mapping[str, str]) -> Endpoint:
    from docker.context import ContextAPI  # noqa: PLC0415 - as above

    name = given or environ.get("DOCKER_CONTEXT") or None
    try:
        context = ContextAPI.get_context(name)
    except Exception as error:  # noqa: BLE001 - docker-py raises bare exceptions for a broken context
        message = f"the Docker context {name or 'in use'} cannot be read: {error}"
        raise errors.UnreachableError(message, remedy="docker context ls") from None
    if context is None:
        message = (
            f"there is no Docker context {name or 'with the name in the docker configuration'}"
        )
        raise errors.UnreachableError(message, remedy="docker context ls")
    url = str(context.Host or DEFAULT_SOCKET).replace("http+unix://", "unix://")
    label = url if context.name == "default" else f"{url}, context {context.name}"
    return Endpoint(url, _tls(url, tls, {}) or context.TLSConfig or False, label)


def _tls(host: str, given: Tls | None, environ: Mapping[str, str]) -> Any:  # noqa: ANN401 - docker-py's type
    """Give docker-py's TLS settings: what is given, or what the docker CLI would read, or False."""
    from docker.tls import TLSConfig  # noqa: PLC0415 - as above

    if not host.startswith(("tcp://", "https://")):
        return False
    if given:
        pair = (given.client_cert or "", given.client_key or "") if given.client_cert else None
        return TLSConfig(client_cert=pair, ca_cert=given.ca_cert, verify=given.verify)
    if not (environ.get("DOCKER_TLS_VERIFY") or environ.get("DOCKER_TLS")):
        return False
    folder = Path(environ.get("DOCKER_CERT_PATH") or Path.home() / ".docker")
    return TLSConfig(
        client_cert=(str(folder / "cert.pem"), str(folder / "key.pem")),
        ca_cert=str(folder / "ca.pem"),
        verify=bool(environ.get("DOCKER_TLS_VERIFY")),
    )


def environment() -> Mapping[str, str]:
    """Give the environment that the docker CLI would look at."""
    return os.environ
