"""The options of all commands, in groups; a command's options are one class made of groups.

One long file, as it is a table.

Each but `--auto-approve` has an environment variable: BIZOPS_ and its name in capitals.
"""

from __future__ import annotations

import inspect
import re
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

_option: Callable[..., Any] = partial(typer.Option, show_envvar=False)
FILES, WHAT, CONSENT, TALK, OUTPUT = "Which topology", "What of it", "Consent", "Systems", "Output"
PANELS = (FILES, WHAT, CONSENT, TALK, OUTPUT, "Help")
"""The groups of options, in the order in which help shows them."""


class Format(StrEnum):
    """Who reads the output."""

    TEXT = "text"
    JSON = "json"


class Switch(StrEnum):
    """On or off, written with an equals sign."""

    TRUE = "true"
    FALSE = "false"


def seconds(text: str | float) -> float:
    """Read `30`, `0.5`, `30s` or `5m` as seconds; raises typer.BadParameter."""
    try:
        found = float(text)
    except ValueError:
        from bizops.quantity import Duration  # noqa: PLC0415 - only where a unit is written

        try:
            found = Duration.parse(str(text)) / 1000
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    if not 0 < found <= 86_400:  # noqa: PLR2004 - a day
        message = f"{text!r} is not between 0 and a day"
        raise typer.BadParameter(message)
    return found


def patience(text: str | float) -> float:
    """Read seconds to wait, which may be none at all."""
    return 0.0 if re.fullmatch(r"0(\.0*)?(ms|[smhdw])?", str(text)) else seconds(text)


def _listed(flags: str, shown: str, text: str, panel: str) -> Any:  # noqa: ANN401 - typer's own type
    name = flags.lstrip("-").replace("-", "_").upper()
    return _option(flags, metavar=shown, help=text, envvar=f"BIZOPS_{name}", rich_help_panel=panel)


def _timed(
    flags: str, shown: str, text: str, panel: str, parser: Callable[[str], float] = seconds
) -> Any:  # noqa: ANN401 - typer's own type
    name = flags.lstrip("-").replace("-", "_").upper()
    return _option(
        flags,
        metavar="SECONDS",
        help=f"{text}  [default: {shown}]",
        parser=parser,
        show_default=False,
        envvar=f"BIZOPS_{name}",
        rich_help_panel=panel,
    )


class Group:
    """Options that belong together, by name; one without a default is a list.

    Plain classes, as making a dozen dataclasses would cost a fifth of the time that `--help` may take.
    """

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - whatever the options hold
        self.__dict__.update({name: [] for name in _names(type(self)) if not hasattr(self, name)})
        self.__dict__.update(given)


class FileOptions(Group):
    """Which files, and which environment on top of them."""

    file: Annotated[
        list[str],
        _option(
            "--file",
            "-f",
            metavar="PATH",
            help="File, directory or - (stdin); a later one lies over an earlier one.",
            rich_help_panel=FILES,
        ),
    ]
    environment: Annotated[
        str,
        _option(
            "--environment",
            "-e",
            metavar="NAME",
            help="Lay env/NAME.yaml on top.",
            envvar="BIZOPS_ENVIRONMENT",
            rich_help_panel=FILES,
        ),
    ] = ""
    env_file: Annotated[
        str,
        _option(
            metavar="PATH",
            help="Variables for ${NAME}, below the shell's; .env beside the first file otherwise.",
            envvar="BIZOPS_ENV_FILE",
            rich_help_panel=FILES,
        ),
    ] = ""


class TargetOptions(Group):
    """Which addresses a plan is about."""

    target: Annotated[
        list[str], _listed("--target", "GLOB", "Only these addresses and what they need.", WHAT)
    ]
    exclude: Annotated[list[str], _listed("--exclude", "GLOB", "Leave these addresses out.", WHAT)]


class Prune(Group):
    """Whether what nobody declares goes."""

    prune: Annotated[
        bool,
        _option(
            "--prune",
            help="Delete what is owned and declared nowhere.",
            envvar="BIZOPS_PRUNE",
            rich_help_panel=WHAT,
        ),
    ] = False


class Adopt(Group):
    """What of others a run may take for its own."""

    adopt: Annotated[
        list[str],
        _listed("--adopt", "GLOB", "Take these for ours, whoever's mark they carry.", CONSENT),
    ]


class AdoptOptions(Adopt):
    """What else a plan may take in hand."""

    restart: Annotated[
        list[str],
        _listed("--restart", "GLOB", "Start the tasks of these services anew.", WHAT),
    ]
    refresh_images: Annotated[
        list[str],
        _listed("--refresh-images", "[GLOB]", "Ask the registry again what tags mean.", WHAT),
    ]
    max_deletes: Annotated[
        int | None,
        _option(
            metavar="N",
            min=0,
            help="Let so many objects of one system go (without it, 30 % of them).",
            envvar="BIZOPS_MAX_DELETES",
            rich_help_panel=CONSENT,
        ),
    ] = None


class DataLossOptions(Group):
    """Which data may go."""

    allow_data_loss: Annotated[
        list[str],
        _listed("--allow-data-loss", "GLOB", "Let the data of these addresses go.", CONSENT),
    ]


class Approval(Group):
    """Consent given beforehand. No environment variable stands for it."""

    auto_approve: Annotated[
        bool,
        _option("--auto-approve", "-y", help="Do not ask.", rich_help_panel=CONSENT),
    ] = False


class Confirmation(Group):
    """The name that is asked for before everything goes."""

    confirm: Annotated[
        str,
        _option(
            metavar="NAME",
            help="The topology's name, where --auto-approve leaves nobody to type it.",
            envvar="BIZOPS_CONFIRM",
            rich_help_panel=CONSENT,
        ),
    ] = ""


class RequestOptions(Group):
    """How to talk to the systems."""

    timeout: Annotated[float, _timed("--timeout", "10", "One request.", TALK)] = 10.0
    parallelism: Annotated[
        int,
        _option(
            metavar="N",
            min=1,
            max=256,
            help="Requests to one system at once.",
            envvar="BIZOPS_PARALLELISM",
            rich_help_panel=TALK,
        ),
    ] = 16


class Settle(Group):
    """How long to wait, and whether to keep others away meanwhile."""

    settle_timeout: Annotated[
        float, _timed("--settle-timeout", "5m", "One resource, until it has taken effect.", TALK)
    ] = 300.0
    lock: Annotated[
        Switch,
        _option(help="Keep a second apply away.", envvar="BIZOPS_LOCK", rich_help_panel=TALK),
    ] = Switch.TRUE
    lock_timeout: Annotated[
        float,
        _timed("--lock-timeout", "45", "Wait for another apply; 0: not at all.", TALK, patience),
    ] = 45.0


class Output(Group):
    """What is printed, and how."""

    format: Annotated[
        Format,
        _option(
            "--format",
            "-o",
            help="For people or for programs.",
            envvar="BIZOPS_FORMAT",
            rich_help_panel=OUTPUT,
        ),
    ] = Format.TEXT
    quiet: Annotated[
        bool,
        _option(
            "--quiet", "-q", help="Results only.", envvar="BIZOPS_QUIET", rich_help_panel=OUTPUT
        ),
    ] = False
    verbose: Annotated[
        bool,
        _option(
            "--verbose",
            "-v",
            help="Unchanged resources and every field.",
            envvar="BIZOPS_VERBOSE",
            rich_help_panel=OUTPUT,
        ),
    ] = False
    debug: Annotated[
        bool,
        _option(
            "--debug", help="Tracebacks with errors.", envvar="BIZOPS_DEBUG", rich_help_panel=OUTPUT
        ),
    ] = False
    no_color: Annotated[
        bool,
        _option("--no-color", help="No colour.", envvar="BIZOPS_NO_COLOR", rich_help_panel=OUTPUT),
    ] = False


class DetailedExitCode(Group):
    """Whether a plan that would change something has an exit code of its own."""

    detailed_exitcode: Annotated[
        bool,
        _option(
            "--detailed-exitcode",
            help="Exit 2 where there is something to do, or something does not run as declared.",
            envvar="BIZOPS_DETAILED_EXITCODE",
            rich_help_panel=OUTPUT,
        ),
    ] = False


class Everything(Group):
    """Whether what is fine is shown too."""

    all: Annotated[
        bool,
        _option("--all", help="What is fine, too.", envvar="BIZOPS_ALL", rich_help_panel=OUTPUT),
    ] = False


class Offline(Output, FileOptions):
    """What a command takes that reads files."""


class Online(Output, RequestOptions, FileOptions):
    """What a command takes that asks the systems."""


class Compare(TargetOptions, Online):
    """What a command takes that compares files and systems."""


class Plan(DetailedExitCode, DataLossOptions, AdoptOptions, Prune, Compare):
    """What `plan` takes."""


class Apply(Approval, Settle, DataLossOptions, AdoptOptions, Prune, Compare):
    """What `apply` takes."""


class Destroy(Confirmation, Approval, Settle, DataLossOptions, Adopt, Prune, Compare):
    """What `destroy` takes."""


class Status(Everything, Online):
    """What `status` takes."""


Given = TypeVar("Given", bound=Group)


def flat(options: type[Given], carry_out: Callable[[Given], int]) -> Callable[..., None]:
    """Give a command with one parameter for each field of a group, as typer wants it.

    `carry_out` gets the group; what it gives is the exit code.
    """
    hints = get_type_hints(options, include_extras=True)
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=getattr(options, name, []),
            annotation=hints[name],
        )
        for name in _names(options)
    ]

    def command(**given: Any) -> None:  # noqa: ANN401 - whatever the options hold
        raise typer.Exit(carry_out(options(**given)))

    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _names(options: type) -> list[str]:
    """Give the names of all options of a group, those of its bases first."""
    return [
        name for each in reversed(options.__mro__) for name in vars(each).get("__annotations__", ())
    ]
