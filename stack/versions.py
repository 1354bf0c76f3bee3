"""The versions of the servers that can be chosen, each as a suite of Debian has it."""

from __future__ import annotations

from stack.debian import BOOKWORM, FORKY, TRIXIE

RABBITMQ = {"3.10": BOOKWORM, "4.0": TRIXIE, "4.3": FORKY}
REDIS = {"7": BOOKWORM, "8": TRIXIE}
