"""What can be typed after `python -m workers`, and what the help says about it."""

from __future__ import annotations

import argparse
import difflib
import os
from typing import TYPE_CHECKING, Any, NoReturn

from workers.agents import COMMANDS, known_agents, unusable_agents
from workers.cli import console, dead_letters, submitting, working
from workers.cli.explaining import describe_settings
from workers.configuration.environment import default_dotenv
from workers.configuration.settings import load_settings
from workers.configuration.values import number, seconds
from workers.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SETTINGS = f"""\
settings (from the environment, from .env, or from the file that <NAME>_FILE names):
{describe_settings()}"""
EXITS = "exit codes: 0 done, 1 an error, 3 not known yet (--wait), 130 interrupted"
SUBMIT = """\
Publish a task to an agent's queue, and print its id. With --wait, follow it on Kafka, and print what the agent
answered; failed attempts are told on standard error.

  python -m workers submit order --description "Validate order 17" --context order.json --wait
"""
SUBMIT_END = f"""\
With --format json, the id and queue as {{"id", "queue"}}; with --wait the event, as workers/schemas/event.json has it.

{EXITS}; with --wait, 1 means that the task was dead-lettered"""
DLQ_END = f"""\
Looking at a queue takes its messages for that moment: nobody else sees them, and they go back to their places.

{EXITS}"""
PRIORITIES = number(0, 255)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line and exit code 1, as all other errors are."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - argparse's own
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """End with one line."""
        console.error(f"{message}; see {self.prog} --help")
        self.exit(console.ERROR)

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Read the arguments; ends the process where they are wrong, or ask for help."""
        word = _command(arguments)
        commands = (*known_agents(), *COMMANDS)
        if word is not None and word not in commands:
            near = difflib.get_close_matches(word, commands, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(commands)}"
            self.error(f"there is no agent or command {word}; {hint}")
        chosen = self.parse_args(arguments)
        if chosen.list:
            chosen.carry_out = working.show_agents
        elif not hasattr(chosen, "carry_out"):
            self.error("which agent, or which command?")
        return chosen


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Read what was typed into `carry_out`, the command, and what it takes.

    Raises SettingsError where AGENTS has faults, with those of all settings that the command would read.
    """
    try:
        parser = _make_parser()
    except SettingsError as error:
        faults = (*error.faults, *_setting_faults(_command(arguments)))
        raise SettingsError(list(dict.fromkeys(faults))) from None
    for fault in unusable_agents():
        console.warn(fault)
    return parser.parse(arguments)


def _command(arguments: Sequence[str]) -> str | None:
    return next((word for word in arguments if not word.startswith("-")), None)


def _setting_faults(command: str | None) -> Sequence[str]:
    if command is None:
        return ()
    try:
        load_settings(os.environ, default_dotenv(), runs_agents=command not in COMMANDS)
    except SettingsError as error:
        return error.faults
    return ()


def _make_parser() -> Parser:
    agents = "agents, each of which works on its own queue until SIGTERM (--list shows queues and roles):"
    parser = Parser(
        prog="python -m workers",
        description="Work on the tasks of an agent's queue, publish tasks, look after those that failed.",
        epilog=f"{agents}\n  {', '.join(known_agents())}\n\n{SETTINGS}",
    )
    parser.set_defaults(list=False)
    parser.add_argument("--list", action="store_true", help="show the agents, and end")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name in known_agents():
        agent = commands.add_parser(
            name,
            description=f"Work on the tasks of the {name} agent's queue, until SIGTERM.",
            epilog=SETTINGS,
        )
        agent.set_defaults(carry_out=working.work, agent=name)
    _add_submit(commands)
    tasks = commands.add_parser("tasks", help="dead letters: tasks dlq list, show, replay, drop")
    kinds = tasks.add_subparsers(metavar="dlq", required=True)
    dlq = kinds.add_parser("dlq", help="the dead-letter queues", epilog=DLQ_END)
    _add_dead_letters(dlq.add_subparsers(metavar="COMMAND", required=True))
    return parser


def _add_submit(commands: Any) -> None:  # noqa: ANN401 - argparse's type is private
    submit = commands.add_parser(
        "submit", help="publish a task to an agent", description=SUBMIT, epilog=SUBMIT_END
    )
    submit.set_defaults(carry_out=submitting.submit)
    submit.add_argument("agent", metavar="AGENT")
    submit.add_argument("--description", default="", metavar="TEXT", help="what to do")
    submit.add_argument("--expected-output", metavar="TEXT", help="what to give back")
    submit.add_argument(
        "--id", metavar="ID", help="its id; one that says when and for whom where left out"
    )
    submit.add_argument(
        "--priority", type=_option(PRIORITIES), metavar="N", help="the higher, the sooner"
    )
    submit.add_argument(
        "--context",
        metavar="FILE|JSON",
        help="what to know for it: a JSON object, or a file with one",
    )
    submit.add_argument("--wait", action="store_true", help="follow it to its event")
    submit.add_argument(
        "--timeout",
        type=_option(seconds(0)),
        default="5m",
        metavar="TIME",
        help="how long to wait [5m]",
    )
    _add_format(submit)


def _add_dead_letters(commands: Any) -> None:  # noqa: ANN401 - argparse's type is private
    def add(name: str, meaning: str, carry_out: Callable[[argparse.Namespace], int]) -> Parser:
        parser: Parser = commands.add_parser(
            name, help=meaning, description=f"{meaning.capitalize()}.", epilog=DLQ_END
        )
        parser.set_defaults(carry_out=carry_out)
        return parser

    listing = add("list", "show what lies in the dead-letter queues", dead_letters.show_list)
    listing.add_argument(
        "agents",
        nargs="*",
        metavar="AGENT",
        help="of these agents, and `events` of those that Kafka refuses; of all where left out",
    )
    _add_reason(listing)
    listing.add_argument(
        "--limit",
        type=_option(number(1, 1_000_000)),
        default="100",
        metavar="N",
        help="show at most so many of each queue [100]",
    )
    showing = add("show", "show a dead letter: headers and body", dead_letters.show_one)
    showing.add_argument("agent", metavar="AGENT")
    showing.add_argument("id", metavar="ID")
    replaying = add("replay", "put dead letters back to work", dead_letters.replay_chosen)
    _add_choice(replaying)
    dropping = add(
        "drop", "remove dead letters for good, so that their ids are free", dead_letters.drop_chosen
    )
    _add_choice(dropping)
    dropping.add_argument("--yes", action="store_true", help="do not ask")
    for parser in (listing, showing, replaying, dropping):
        _add_format(parser)


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", metavar="AGENT")
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("--all", action="store_true", help="all of them, instead of IDs")
    _add_reason(parser)


def _add_reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", metavar="REASON", help="only those with this reason")


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="for people, or programs"
    )


def _option(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Let argparse say what a reader of settings says about a value."""

    def read(value: str) -> Any:  # noqa: ANN401 - as the reader gives
        try:
            return parse(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read
