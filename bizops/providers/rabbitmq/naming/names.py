"""Names: addresses, what is reserved, and how a derived policy is called."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bizops.resource import Address

if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "rabbitmq"
LOCK_PREFIX = "bizops.lock."
POLICY_PREFIX = "bizops."
_TRIED_BYTES = 230
"""Bytes of the name that a trial keeps, of the 255 that the broker takes."""
_TRIAL = re.compile(r"(.+)\.trial-[0-9a-f]{8}", re.DOTALL)
MAX_NAME_BYTES = 255
"""Names are AMQP 0-9-1 short strings: at most 255 bytes of UTF-8."""


def encode(name: str) -> str:
    """Percent-encode a name for one segment of a management API path."""
    return quote(name, safe="")


def exchange_address(name: str, scope: str = "") -> Address:
    """Give the address of an exchange; `scope` is its vhost where that is not the section's."""
    return Address(PROVIDER, "exchange", (name,), scope)


def queue_address(name: str, scope: str = "") -> Address:
    """Give the address of a queue."""
    return Address(PROVIDER, "queue", (name,), scope)


def policy_address(name: str, scope: str = "") -> Address:
    """Give the address of a declared policy."""
    return Address(PROVIDER, "policy", (name,), scope)


def binding_address(
    route: tuple[str, str, str], arguments: Mapping[str, Any], scope: str = ""
) -> Address:
    """Give the address of a binding: exchange, routing key, queue, and a digest of its arguments."""
    return Address(PROVIDER, "binding", route, scope, digest(arguments) if arguments else "")


def digest(content: object, salt: str = "") -> str:
    """Give eight hex digits that tell contents apart."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":")) + salt
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def name_problem(name: str) -> str:
    """Say why RabbitMQ, or a URL path of its management API, cannot hold a name; "" where it can."""
    if not name:
        return "a name must not be empty"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"{len(name.encode())} bytes long; RabbitMQ allows {MAX_NAME_BYTES}"
    if name in {".", ".."}:
        return "a URL path cannot hold this name, so the management API cannot address it"
    if any(ord(char) < ord(" ") or ord(char) == 0x7F for char in name):  # noqa: PLR2004 - DEL
        return "a name must not hold control characters"
    return ""


def trial_name(name: str) -> str:
    """Give the name under which the new form of a queue or an exchange is tried."""
    return f"{tried_part(name)}.trial-{secrets.token_hex(4)}"


def tried_part(name: str) -> str:
    """Give what a trial's name keeps of a name."""
    return name.encode()[:_TRIED_BYTES].decode(errors="ignore")


def tried(name: str) -> str:
    """Give what the name of a trial keeps, "" where it is the name of none."""
    found = _TRIAL.fullmatch(name)
    return found[1] if found else ""


def is_protected_exchange(name: str) -> bool:
    """True for the default exchange and the broker's own."""
    return name == "" or name.startswith("amq.")


def is_protected_queue(name: str) -> bool:
    """True for names that the broker makes up, and for our leases."""
    return name.startswith(("amq.", LOCK_PREFIX))


def is_protected_policy(name: str) -> bool:
    """True for names in which derived policies live."""
    return name.startswith(POLICY_PREFIX)


def policy_prefix(topology: str) -> str:
    """Give what the derived policies of one topology begin with."""
    return f"{POLICY_PREFIX}{topology}."


def derived_policy(topology: str, settings: str, content: str) -> str:
    """Give the name of a derived policy: what it sets, as a label, and a digest of what it says."""
    return f"{policy_prefix(topology)}{settings}.{content}"


def topology_of_policy(name: str) -> str:
    """Give the topology of a derived policy."""
    return name.rsplit(".", 2)[0].removeprefix(POLICY_PREFIX)


def is_derived(name: str) -> bool:
    """True for the name of a derived policy of any topology."""
    return name.startswith(POLICY_PREFIX) and name.count(".") >= 3  # noqa: PLR2004


def is_derived_policy(name: str, topology: str) -> bool:
    """True for a name `bizops.<topology>.<settings>.<hash>`.

    Neither of the last two holds a dot, so topology `a` never takes the policies of topology `a.b` for its own.
    """
    prefix, *rest = name.rsplit(".", 2)
    return len(rest) == 2 and f"{prefix}." == policy_prefix(topology)  # noqa: PLR2004


def label(text: str) -> str:
    """Give a text as one part of a derived policy's name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text)[:60].strip("-_")
