"""Every queue that the workers rely on says its type, so the default of a vhost changes none (W8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from workers.protocol.queues import OUTBOX, REFUSED
from workers.protocol.retries import TIERS

from .conftest import declare

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from stack.addresses import Addresses

pytestmark = pytest.mark.integration


def test_w8_the_seed_is_the_same_in_a_vhost_whose_default_is_quorum(
    topics: None,
    addresses: Addresses,
    make_vhost: Callable[[], AbstractContextManager[str]],
    management: Callable[..., Any],
    tmp_path: Path,
) -> None:
    del topics
    with make_vhost() as name:
        management("PUT", f"vhosts/{name}", {"default_queue_type": "quorum"})

        declare(name, tmp_path / "overlay.yaml", addresses)

        found = {queue["name"]: queue["type"] for queue in management("GET", f"queues/{name}")}
    tiers = {tier.name for tier in TIERS}
    assert {name for name, kind in found.items() if kind == "quorum"} == tiers
    assert found.keys() > {OUTBOX, REFUSED, "auto_orders", "auto_orders.dlq", "hitl_approval.dlq"}
