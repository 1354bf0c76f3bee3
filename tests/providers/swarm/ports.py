"""Ports for services: one of the routing mesh can be published once, and tests run side by side."""

from __future__ import annotations

import os
import re

# Below those that Linux gives to clients.
_FIRST = 20_000 + 100 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def with_ports(text: str) -> str:
    """Put a port of this process' own wherever a text says PORT_ and two digits."""
    return re.sub(r"PORT_(\d\d)", lambda found: str(_FIRST + int(found[1])), text)
