"""`python -m workers AGENT`, and `--list`."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from workers import logs
from workers.agents import known_agents, load_agent
from workers.cli import console
from workers.environment import default_dotenv
from workers.errors import WorkersError
from workers.settings import load_settings

if TYPE_CHECKING:
    import argparse

LOG = logging.getLogger(__name__)


def work(chosen: argparse.Namespace) -> int:
    """Work on the tasks of one agent's queue; gives the worker's exit code. Raises SettingsError."""
    settings = load_settings(os.environ, default_dotenv())
    logs.configure(settings.log_level, settings.redactor())
    try:
        return load_agent(chosen.agent)(settings).start()
    except WorkersError:
        raise
    except Exception:
        LOG.exception("internal_error")
        return console.ERROR


def show_agents(_: argparse.Namespace) -> int:
    """Show each agent's name, queue and role."""
    for name in known_agents():
        agent = load_agent(name)
        print(f"{name:<16} {agent.queue:<22} {agent.role}")
    return console.OK
