"""Which names the engine takes; pure. Tried on 20.10; swarmkit has had the same rules since secrets came (17.06)."""

from __future__ import annotations

import re

_LONGEST = 63
_LONGEST_SECRET = 64
_HOST_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9_-]*[a-zA-Z0-9])?\Z")
_SECRET = re.compile(r"[a-zA-Z0-9]+(?:[a-zA-Z0-9-_.]*[a-zA-Z0-9])?\Z")
_PREDEFINED = frozenset({"bridge", "host", "none", "default", "ingress", "docker_gwbridge"})
"""Every engine has these, or takes the name for one of them (moby `runconfig.IsPreDefinedNetwork`)."""


def service_problem(name: str) -> str:
    """Say why Swarm would refuse a service's name, or ""."""
    return _host_name_problem("service", name)


def _host_name_problem(kind: str, name: str) -> str:
    """Names of services and networks are host names (swarmkit `controlapi/common.go`, `validateAnnotations`)."""
    if len(name) > _LONGEST:
        return f"a {kind}'s name has at most {_LONGEST} characters, and this has {len(name)}"
    if not _HOST_NAME.match(name):
        return f"a {kind}'s name is letters and digits, with - and _ between them"
    return ""


def secret_problem(name: str) -> str:
    """Say why Swarm would refuse a secret's name, or "" (swarmkit `controlapi/common.go`)."""
    if len(name) > _LONGEST_SECRET:
        return f"a secret's name has at most {_LONGEST_SECRET} characters, and this has {len(name)}"
    if not _SECRET.match(name):
        return "a secret's name is letters and digits, with - _ and . between them"
    return ""


def network_problem(name: str) -> str:
    """Say why the engine would refuse to make a network of this name, or ""."""
    if name in _PREDEFINED:
        return "the engine's own network, which cannot be made: declare it external: true"
    return _host_name_problem("network", name)
