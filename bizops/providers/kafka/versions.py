"""The versions of Kafka that bizops was tried with, and what each of them lacks or does otherwise."""

from __future__ import annotations

from bizops.provider import Lack, Versions

VERSIONS = Versions(
    tried=((4, 3),),
    lacks=(
        Lack(
            "brokers do not tell their version over the protocol: none is shown, and none is warned of"
        ),
    ),
)
