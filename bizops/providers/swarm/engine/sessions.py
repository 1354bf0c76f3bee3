"""Opens docker-py's client as a transport for one engine: over a socket, TCP with or without TLS, or ssh."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from bizops import errors
from bizops.provider import http_deadline
from bizops.providers.swarm.engine import ssh

if TYPE_CHECKING:
    from bizops.provider import Options
    from bizops.providers.swarm.engine.endpoint import Endpoint

_MOST_SSH_CONNECTIONS = 4


def opened(chosen: Endpoint, options: Options) -> tuple[Any, ssh.Programs | None]:
    """Give docker-py's client, which has sent nothing yet, and the ssh programs behind it where there are some.

    Raises UnreachableError for an address that cannot be used.
    """
    import docker.api.client  # noqa: PLC0415 - heavy, and only a live run needs it
    import docker.errors  # noqa: PLC0415 - as above
    import docker.utils  # noqa: PLC0415 - as above

    logging.getLogger("urllib3").setLevel(logging.ERROR)
    seconds = max(1, int(options.timeout))
    try:
        is_ssh = chosen.url.startswith("ssh://")
        host = str(
            chosen.url if is_ssh else docker.utils.parse_host(chosen.url, tls=bool(chosen.tls))
        )
        is_dialled = host.startswith(("ssh://", "http+unix://"))
        session = docker.api.client.APIClient(
            base_url="unix:///dialled" if is_dialled else chosen.url,
            version="1.41",  # said so that it asks nothing by itself; the paths carry the real one
            timeout=seconds,
            tls=chosen.tls,
            max_pool_size=options.parallelism,
        )
    except (docker.errors.DockerException, ValueError) as error:
        message = f"{chosen.label} cannot be used: {error}"
        raise errors.UnreachableError(message, remedy="docker context ls") from None
    if not is_dialled:
        adapter: Any = session.get_adapter(session.base_url)
        http_deadline.bound_all(adapter.poolmanager)
        return session, None
    session.trust_env = False  # neither proxies nor ~/.netrc concern a socket
    return session, _mount(session, host, seconds, options.parallelism)


def _mount(
    session: Any,  # noqa: ANN401 - docker-py's client
    host: str,
    seconds: int,
    connections: int,
) -> ssh.Programs | None:
    from bizops.providers.swarm.engine import transport  # noqa: PLC0415 - it imports docker

    programs = None
    dial = transport.local("/" + host.removeprefix("http+unix://").lstrip("/"))
    if host.startswith("ssh://"):
        programs = ssh.Programs(ssh.command(host, seconds))
        dial, connections = programs.dial, min(connections, _MOST_SSH_CONNECTIONS)
    session.mount("http+docker://", transport.Adapter(dial, seconds, connections))
    return programs
