"""The command line: `python -m workers AGENT`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import NoReturn

from workers import logs
from workers.agents import AGENTS, load_agent
from workers.errors import SettingsError
from workers.settings import Settings, default_dotenv, describe_settings, load_settings


def main() -> NoReturn:
    """Run the command of this process, and end it: also where an agent's thread would hold it."""
    code = run(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Run a command; gives its exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.list:
        return _list()
    if chosen.agent is None:
        parser.print_help()
        return 1
    settings = _settings()
    return 1 if settings is None else _work(chosen.agent, settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workers",
        description="Work on the tasks of one agent's queue, until SIGTERM.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"settings (environment, .env, or <NAME>_FILE for a file that holds the value):\n{describe_settings()}",
    )
    parser.add_argument(
        "agent", nargs="?", choices=sorted(AGENTS), metavar="AGENT", help="which agent works"
    )
    parser.add_argument("--list", action="store_true", help="show the agents, and end")
    return parser


def _list() -> int:
    for name in AGENTS:
        agent = load_agent(name)
        print(f"{name:<16} {agent.queue:<22} {agent.role}")
    return 0


def _settings() -> Settings | None:
    try:
        return load_settings(os.environ, default_dotenv())
    except SettingsError as error:
        for fault in error.faults:
            print(f"error: {fault}", file=sys.stderr)
        return None


def _work(name: str, settings: Settings) -> int:
    logs.configure(settings.log_level, settings.secrets())
    return load_agent(name)(settings).start()
