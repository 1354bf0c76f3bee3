"""Names in place of the ids that the engine puts into its messages, such as `network fgkq5bj8... is in use`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bizops import errors
from bizops.providers.swarm.engine import nodes

if TYPE_CHECKING:
    from bizops.providers.swarm.engine.client import Engine

_IDENTITY = re.compile(r"\b[0-9a-z]{25}\b")
"""Of any object of a swarm (swarmkit `identity/randomid.go`)."""


def named(engine: Engine, text: str) -> str:
    """Give a message of the engine with the names of services, networks, secrets and nodes; an unknown id stays."""
    if not _IDENTITY.search(text):
        return text
    try:
        known = _names(engine)
    except errors.ProviderError:  # what failed is told in any case
        return text
    return _IDENTITY.sub(lambda found: known.get(found[0], found[0]), text)


def _names(engine: Engine) -> dict[str, str]:
    known = {raw["Id"]: raw["Name"] for raw in engine.get("/networks")}
    for path in ("/services", "/secrets", "/configs"):
        known |= {raw["ID"]: raw["Spec"]["Name"] for raw in engine.get(path)}
    return known | {node.identity: node.name for node in nodes.parsed(engine.get("/nodes"))}
