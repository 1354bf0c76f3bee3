"""The seed topology with a vhost and services of a test's own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Shop

SEED = Path(__file__).parents[2] / "topology"
PATIENCE = 240
OVERLAY = """
name: TAG
rabbitmq: {vhost: TAG}
swarm:
  service_defaults:
    environment: {RABBITMQ_VHOST: TAG, REDIS_URL: "redis://redis:6379/10", WORKER_OLD_RECORDS: ignore}
"""


@pytest.fixture(scope="module")
def pushed() -> str:
    """Give the image of this checkout as the local registry knows it."""
    command = [sys.executable, "-m", "stack", "push"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[0]


@pytest.fixture
def seed_of_its_own(shop: Shop, tag: str, pushed: str) -> Callable[..., Any]:
    """Give bizops on the seed topology, with a vhost and services of this test's own."""
    for name in ("bizosaas.yaml", "env/demo.yaml"):
        path = shop.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(_renamed((SEED / name).read_text(), tag))
    (shop.folder / "own.yaml").write_text(OVERLAY.replace("TAG", tag))

    def bizops(verb: str, *options: str) -> subprocess.CompletedProcess[str]:
        files = ("-f", "bizosaas.yaml", "-f", "own.yaml", "-e", "demo")
        done = subprocess.run(
            [sys.executable, "-m", "bizops", verb, *files, *options],
            cwd=shop.folder,
            env={**shop.environment(), "RABBITMQ_PASS": "guest", "WORKER_IMAGE": pushed},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    return bizops


def _renamed(text: str, tag: str) -> str:
    """Put the tag before the names of services and secrets, which are the whole engine's."""
    names = re.compile(r"\b(?=agent-(?!workers)|rabbitmq_pass\b|openai_api_key\b)")
    lines = text.splitlines(keepends=True)
    return "".join(
        line if line.lstrip().startswith("#") else names.sub(f"{tag}-", line) for line in lines
    )
