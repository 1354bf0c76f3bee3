"""What all tests share: how integration tests behave without servers, and where golden files come from."""

from __future__ import annotations

import os
import socket

import pytest

pytest.register_assert_rewrite("bizops.testing.contract", "bizops.testing.driving")

SERVERS = {"RabbitMQ": 15672, "Kafka": 9092}


def _missing() -> list[str]:
    """Name what does not listen on loopback; the engine is asked by the tests that need it."""
    missing = []
    for name, port in SERVERS.items():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            missing.append(f"{name} on port {port}")
    return missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip integration tests on a laptop without the stack; in CI let them fail."""
    if os.environ.get("CI") or not any("integration" in item.keywords for item in items):
        return
    missing = _missing()
    if missing:
        reason = f"needs `make stack`: nothing answers for {', '.join(missing)}"
        for item in items:
            if "integration" in item.keywords:
                item.add_marker(pytest.mark.skip(reason=reason))
