"""The commands, their options, and how each ends. What a command does is imported when it is called."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn, TextIO, cast

import typer

import bizops
from bizops.cli import options
from bizops.cli.console import Console, UnwritableError
from bizops.cli.help import Command, Group
from bizops.cli.signals import CODES, exit_at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bizops.errors import BizopsError

_SINGLE_DASH = re.compile(r"-[a-z][a-z-]+(?:=.*)?\Z")
"""A long option as Terraform and Go programs write it: `-target=ADDRESS`."""
USAGE_ERROR = cast("type[Exception]", typer.BadParameter.__mro__[1])
"""Click's UsageError: typer names it nowhere, and has carried a click of its own since 0.26."""

app = typer.Typer(
    name="bizops",
    help="One YAML topology, one plan and one apply over RabbitMQ, Kafka and Docker Swarm.",
    cls=Group,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="COMMAND [OPTIONS]",
    options_metavar="",
)


COMMANDS: tuple[tuple[str, type[options.Output], str, str], ...] = (
    ("plan", options.Plan, "inspect", "Show what apply would do, and what stands in its way."),
    (
        "drift",
        options.Compare,
        "inspect",
        "Compare what is declared with what is live; writes nothing.",
    ),
    ("status", options.Status, "inspect", "Show the health of what is declared."),
    ("validate", options.Offline, "inspect", "Check the files; asks no system."),
    ("apply", options.Apply, "change", "Make the live systems what the files say."),
    ("destroy", options.Destroy, "change", "Delete what the files declare."),
    ("unlock", options.Online, "change", "Free the lock that another apply holds."),
    (
        "schema",
        options.Output,
        "inspect",
        "Print the JSON Schema of the topology file, for editors.",
    ),
    ("version", options.Output, "version", "Show the version."),
)
"""Name, options, module of this package (imported when the command is called), and what it is for."""


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag
    if wanted:
        sys.stdout.write(f"bizops {bizops.__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[  # noqa: FBT002 - a flag
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    del version


def _register(name: str, given: type[options.Output], module: str, text: str) -> None:
    def carried_out(found: options.Output) -> int:
        return _carried_out(module, name, found)

    app.command(name, cls=Command, help=text, options_metavar="[OPTIONS]")(
        options.flat(given, carried_out)
    )


for _row in COMMANDS:
    _register(*_row)


def _carried_out(module: str, name: str, given: options.Output) -> int:
    """Call a command and turn whatever it raises into words and an exit code."""
    console = Console(given)
    try:
        return _call(module, name)(given, console)
    except UnwritableError:
        raise
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - no traceback reaches a user
        from bizops.cli import failure  # noqa: PLC0415 - only when something fails

        return failure.told(error, console)


def _call(module: str, name: str) -> Callable[[options.Output, Console], int]:
    found: Callable[[options.Output, Console], int] = getattr(
        importlib.import_module(f"bizops.cli.{module}"), name
    )
    return found


def main() -> NoReturn:
    """Carry out the command in `sys.argv`; usage errors are 1, so that 2 means differences and nothing else."""
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    sys.stdin = sys.stdin or _nothing()
    try:
        with exit_at_once():
            code = _called(completed(sys.argv[1:]))
        sys.stdout.flush()
        sys.stderr.flush()
    except UnwritableError as lost:
        code = _unheard(lost)
    except OSError as error:  # from help texts, which typer prints
        code = _unheard(UnwritableError(error))
    if (
        isinstance(code, int) and code in CODES.values()
    ):  # threads that wait for a system would hold up an exit in order
        os._exit(code)
    sys.exit(code if isinstance(code, int) else 0)


def _called(arguments: Sequence[str]) -> object:
    try:
        return app(args=list(arguments), prog_name="bizops", standalone_mode=False)
    except USAGE_ERROR as error:
        return _misused(error, arguments)
    except typer.Abort:
        return 130


def _nowhere() -> TextIO:
    """Stand in for a stream that the caller has closed, which Python gives as None."""
    return os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def _nothing() -> TextIO:
    """Stand in for a standard input that the caller has closed: it ends at once, and is no terminal."""
    return os.fdopen(os.open(os.devnull, os.O_RDONLY), encoding="utf-8")


def _unheard(lost: UnwritableError) -> int:
    """Say why the output ends here, but not to a reader that had enough, as in `bizops plan | head`."""
    if lost.why:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"error: the output cannot be written: {lost.why}\n")
    for stream in (sys.stdout, sys.stderr):  # what is left in them would fail again at exit
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return 1


def completed(arguments: Sequence[str]) -> list[str]:
    """Give `--refresh-images` the value that it has where none is written: all addresses."""
    found = list(arguments)
    for position, argument in enumerate(found):
        following = found[position + 1 : position + 2]
        if argument == "--refresh-images" and (not following or following[0].startswith("-")):
            found[position] = "--refresh-images=*"
    return found


def _misused(error: BaseException, arguments: Sequence[str]) -> int:
    """Say what is wrong with the command line, also as JSON where that is what the caller reads."""
    message = getattr(error, "format_message", lambda: str(error))()
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "bizops"
    if not arguments and context is not None:  # no command: show what there is
        sys.stderr.write(f"{context.get_help()}\n")
        return 1
    wanted = options.Format.JSON if wants_json(arguments, os.environ) else options.Format.TEXT
    console = Console(options.Output(format=wanted))
    console.error(_usage_error(path, message, arguments))
    return 1


def _usage_error(path: str, message: str, arguments: Sequence[str]) -> BizopsError:
    """Name the slips of hands that are used to other tools."""
    from bizops import errors  # noqa: PLC0415 - only when something fails

    single = next((word for word in arguments if _SINGLE_DASH.match(word)), "")
    if "No such option" in message and single:
        text = f"No such option: {single.partition('=')[0]}: a long option begins with two dashes"
        return errors.UsageError(text, remedy=f"-{single}")
    if "No such option: --dry-run" in message:
        text = "No such option: --dry-run: plan shows what apply would do, and writes nothing"
        return errors.UsageError(text, remedy="bizops plan")
    return errors.UsageError(message.rstrip("."), remedy=_instead(path, message))


def _instead(path: str, message: str) -> str:
    """Give the command to try: a topology that is named without its option is the slip of most."""
    extra = message.partition("unexpected extra argument")[2].partition("(s) (")[2].rstrip(").")
    files = [word for word in extra.split() if word.endswith((".yaml", ".yml"))]
    return " ".join([path, *(f"-f {name}" for name in files)]) if files else f"{path} --help"


def wants_json(arguments: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Tell whether a command line that could not be understood asks for JSON."""
    found = environ.get("BIZOPS_FORMAT", "")
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if argument in {"-o", "--format"}:
            found = following
        elif argument.startswith("--format="):
            found = argument.partition("=")[2]
        elif argument.startswith("-o"):
            found = argument[2:]
    return found == options.Format.JSON.value
