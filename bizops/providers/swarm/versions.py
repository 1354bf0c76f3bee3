"""The versions of the engine that bizops was tried with, and what each of them lacks."""

from __future__ import annotations

from bizops.provider import Lack, Versions

VERSIONS = Versions(
    tried=((20, 10), (28, 5)),
    lacks=(
        Lack(
            "`healthcheck.start_interval` needs API 1.44: an older engine drops it without a word, so bizops writes "
            "no service that declares it",
            until=(25, 0),
        ),
    ),
)
"""Tried as Debian has them: 20.10.24, 28.5.2; the API of 25.0 is from the engine's own history of it."""
