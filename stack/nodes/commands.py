"""``python -m stack nodes start|status|kill|freeze|cut|heal|promote|demote|load|stop``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stack.nodes.trees import SUITES

if TYPE_CHECKING:
    import argparse

    from stack.nodes.swarm import Swarm
    from stack.state import State

ON_NODE = {
    "kill": "end everything on a node at once; its data stays",
    "freeze": "stop every process of a node (SIGSTOP)",
    "cut": "cut a node from the network",
    "heal": "undo the three above",
}
ON_SWARM = {"promote": "make a node a manager", "demote": "make a node a worker"}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command ``nodes`` to those of the stack."""
    nodes = commands.add_parser("nodes", help="a swarm of engines of another version (root)")
    nodes.add_argument("--name", default="nodes", help="which swarm [nodes]")
    actions = nodes.add_subparsers(dest="action", required=True, metavar="action")
    start = actions.add_parser("start", help="start a swarm; untouched what runs")
    start.add_argument("--engine", choices=SUITES, default="28.5", help="its version [28.5]")
    start.add_argument("--count", type=int, default=3, help="nodes [3]")
    start.add_argument("--managers", type=int, default=1, help="the first ones manage [1]")
    actions.add_parser("status", help="each node, its engine's address and what it does")
    for name, meaning in (ON_NODE | ON_SWARM).items():
        actions.add_parser(name, help=meaning).add_argument("number", type=int, help="1 is first")
    load = actions.add_parser("load", help="copy images of this machine's engine into the nodes")
    load.add_argument("images", nargs="+", metavar="image")
    actions.add_parser("stop", help="remove the swarm and its data")


def run(options: argparse.Namespace, state: State) -> int:
    """Do one action and give the exit code: 1 for a status in which a node does not run."""
    from stack.nodes.swarm import open_swarm  # noqa: PLC0415 - docker is slow to import

    swarm = open_swarm(options.name, state)
    if options.action == "start":
        swarm.start(options.engine, options.count, options.managers)
        return _show(swarm)
    if options.action == "status":
        return _show(swarm)
    if options.action == "stop":
        swarm.stop()
    elif options.action == "load":
        swarm.load(*options.images)
    elif options.action in ON_NODE:
        getattr(swarm.node(options.number), options.action)()
    else:
        getattr(swarm, options.action)(options.number)
    return 0


def _show(swarm: Swarm) -> int:
    states = [(node, node.state) for node in swarm.nodes]
    for node, state in states:
        print(f"{node.name}  {node.url}  {state}")
    return 0 if states and all(state == "running" for _, state in states) else 1
