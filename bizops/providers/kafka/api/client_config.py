"""librdkafka's connection settings in kafka-python's names; pure.

Only what decides whether a connection comes about is translated: addresses, TLS and SASL. Settings about buffers,
intervals and logs have no part in it. A setting of the first sort without a counterpart is named, never dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES = {
    "bootstrap.servers": "bootstrap_servers",
    "security.protocol": "security_protocol",
    "ssl.ca.location": "ssl_cafile",
    "ssl.certificate.location": "ssl_certfile",
    "ssl.key.location": "ssl_keyfile",
    "ssl.key.password": "ssl_password",
    "ssl.crl.location": "ssl_crlfile",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "sasl_plain_username",
    "sasl.password": "sasl_plain_password",
}
_MECHANISMS = frozenset({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})
_DECIDING = ("ssl.", "sasl.", "enable.ssl.", "enable.sasl.", "https.")
_OFF = {"ssl.endpoint.identification.algorithm": "none"}


def translated(settings: Mapping[str, str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Give kafka-python's settings, and the names of librdkafka's that have no counterpart, sorted."""
    found: dict[str, Any] = {}
    lacking: list[str] = []
    for key, value in settings.items():
        if key in _NAMES:
            found[_NAMES[key]] = value
        elif key in _OFF:
            found["ssl_check_hostname"] = value.lower() != _OFF[key]
        elif key.startswith(_DECIDING):
            lacking.append(key)
    if "security_protocol" in found:
        found["security_protocol"] = found["security_protocol"].upper()
    if found.get("sasl_mechanism", "PLAIN") not in _MECHANISMS:
        lacking.append(f"sasl.mechanism {found['sasl_mechanism']}")
    if found.get("ssl_cafile") == "probe":
        lacking.append("ssl.ca.location probe")
    servers = found["bootstrap_servers"].split(",")
    found["bootstrap_servers"] = [server.rpartition("://")[2] for server in servers]
    return found, tuple(sorted(lacking))
