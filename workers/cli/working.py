"""`python -m workers AGENT`, and `--list`."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from workers import logs
from workers.agents import load_agents, make_agent
from workers.cli import console
from workers.configuration.environment import default_dotenv
from workers.configuration.settings import load_settings
from workers.errors import WorkersError

if TYPE_CHECKING:
    import argparse

LOG = logging.getLogger(__name__)


def work(chosen: argparse.Namespace) -> int:
    """Work on the tasks of one agent's queue; gives the worker's exit code. Raises SettingsError."""
    settings = load_settings(os.environ, default_dotenv())
    logs.configure(settings.log_level, settings.redactor())
    try:
        return make_agent(chosen.agent, settings).start()
    except WorkersError:
        raise
    except Exception:
        LOG.exception("internal_error")
        return console.ERROR


def show_agents(_: argparse.Namespace) -> int:
    """Show each agent's name, queue and role."""
    agents, faults = load_agents()
    for name, agent in agents.items():
        print(f"{name:<16} {agent.queue:<22} {agent.role}")
    for fault in faults:
        console.warn(fault)
    return console.OK
