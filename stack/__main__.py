"""``python -m stack start|status|logs|stop|reset|image|push|nodes``."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from stack.errors import StackError
from stack.nodes.commands import add_parser as add_nodes_parser
from stack.nodes.commands import run as run_nodes
from stack.settings import describe_settings, load_settings
from stack.state import open_state

if TYPE_CHECKING:
    from stack.settings import Settings
    from stack.state import State

INTERRUPTED = 130


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; argparse exits with 2 and a message where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m stack",
        description="The local stack: real servers on a one-node Docker Swarm.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"environment variables [default]:\n{describe_settings()}\n"
        "  XDG_STATE_HOME: state, logs and cache are in its folder bizops-stack",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    start = commands.add_parser("start", help="bring everything up; untouched what is up already")
    start.add_argument(
        "--with",
        dest="extra",
        action="extend",
        type=_split,
        default=[],
        metavar="PARTS",
        help="also these parts, with commas or spaces between",
    )
    start.add_argument(
        "--only",
        action="extend",
        type=_split,
        default=[],
        metavar="PARTS",
        help="no parts but these",
    )
    commands.add_parser("status", help="each part, its address, version and health; 1 if not well")
    logs = commands.add_parser("logs", help="logs of a part or of a step")
    logs.add_argument("name", nargs="?", default="", help="a part or a step; all parts without it")
    logs.add_argument("--tail", type=int, default=20, metavar="LINES", help="lines of each part")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what is written")
    commands.add_parser("stop", help="undo what the stack did; its data stays")
    reset = commands.add_parser("reset", help="stop, and drop its data as well")
    reset.add_argument("--images", action="store_true", help="drop the images it built, too")
    commands.add_parser("image", help="build the image of the agent workers, and print its name")
    push = commands.add_parser("push", help="push that image, and print its names there")
    push.add_argument(
        "--registry", default="", metavar="HOST/PATH", help="else the stack's own registry"
    )
    add_nodes_parser(commands)
    return parser.parse_args(arguments)


def _split(text: str) -> list[str]:
    return text.replace(",", " ").split()


def main(arguments: list[str]) -> int:
    """Do one command and give its exit code."""
    options = parse(arguments)
    from docker.errors import DockerException  # noqa: PLC0415 - slow, and the help needs none

    try:
        settings = load_settings(os.environ)
        return _do(options, settings, open_state(os.environ))
    except StackError as error:
        print(error.render(), file=sys.stderr)
    except BrokenPipeError:
        pass
    except (DockerException, OSError) as error:
        # What the steps do not expect, such as an engine that is killed meanwhile.
        print(f"error: the Docker engine or this machine: {error}", file=sys.stderr)
        print("  what to do: start again; see `python -m stack logs dockerd`", file=sys.stderr)
    return 1


def _do(options: argparse.Namespace, settings: Settings, state: State) -> int:
    if options.command == "status":
        from stack.status import observe, render  # noqa: PLC0415 - docker is slow to import

        rows = observe(settings)
        render(rows)
        return 0 if all(row.is_healthy for row in rows) else 1
    if options.command == "nodes":
        return run_nodes(options, state)
    if options.command == "logs":
        from stack.logs import show_logs  # noqa: PLC0415

        show_logs(settings, state, options.name, tail=options.tail, follow=options.follow)
        return 0
    return _change(options, settings, state)


def _change(options: argparse.Namespace, settings: Settings, state: State) -> int:
    from stack import lifecycle  # noqa: PLC0415
    from stack.report import Report  # noqa: PLC0415

    report = Report()
    try:
        with state.lock(lambda pid: report.say(f"waiting for another call (pid {pid})")):
            if options.command == "start":
                lifecycle.Start(settings, state, report).start(
                    tuple(options.extra), tuple(options.only)
                )
                report.say("the stack is up")
            elif options.command == "stop":
                lifecycle.stop(settings, state, report)
            elif options.command == "image":
                print(lifecycle.build_worker_image(settings, state, report))
            elif options.command == "push":
                names = lifecycle.publish_worker_image(settings, state, report, options.registry)
                print("\n".join(names))
            else:
                lifecycle.reset(settings, state, report, drops_images=options.images)
    finally:
        report.close()
    return 0


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except KeyboardInterrupt:
        print("interrupted; what was begun goes on with the next start", file=sys.stderr)
        code = INTERRUPTED
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads may be waiting for the engine; nothing that they do needs an orderly end.
    os._exit(code)
