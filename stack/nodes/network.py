"""The network of a swarm of nodes: one bridge of this machine, one pair of interfaces a node."""

from __future__ import annotations

import subprocess
from pathlib import Path

from stack.errors import StackError

INTERFACES = Path("/sys/class/net")
IS_UP = 1  # IFF_UP in an interface's flags
PREFIX = "10.77"
SUBNETS = range(256)
HOST = 254


def bridge_name(subnet: int) -> str:
    """Give the bridge of the swarm that has the network ``10.77.<subnet>.0/24``."""
    return f"bizops-n{subnet}"


def link_name(subnet: int, number: int) -> str:
    """Give this machine's end of a node's interface; a name holds 15 characters."""
    return f"{bridge_name(subnet)}-{number}"


def add_bridge(subnet: int) -> None:
    """Make the bridge and let it forward to itself; what is there stays. Raises StackError."""
    bridge = bridge_name(subnet)
    if not exists(bridge):
        _ip("link", "add", bridge, "type", "bridge")
        _ip("address", "add", f"{PREFIX}.{subnet}.{HOST}/24", "dev", bridge)
    _ip("link", "set", bridge, "up")
    if not _has_rule(bridge):
        # Bridged packets pass the FORWARD chain too, whose policy Docker sets to DROP.
        _run(["iptables", "-w", "-I", "FORWARD", *_rule(bridge)])


def remove_bridge(subnet: int) -> None:
    """Undo ``add_bridge``, from whatever it left half done. Raises StackError."""
    bridge = bridge_name(subnet)
    while _has_rule(bridge):
        _run(["iptables", "-w", "-D", "FORWARD", *_rule(bridge)])
    if exists(bridge):
        _ip("link", "delete", bridge)


def add_link(subnet: int, number: int, pid: int) -> None:
    """Give the process's network namespace an ``eth0`` on the bridge. Raises StackError."""
    link = link_name(subnet, number)
    remove_link(subnet, number)
    _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    _ip("link", "set", link, "master", bridge_name(subnet))
    set_link(subnet, number, is_up=True)


def remove_link(subnet: int, number: int) -> None:
    """Remove a node's interface: the kernel does so some time after the node's death."""
    link = link_name(subnet, number)
    if exists(link):
        tried = subprocess.run(["ip", "link", "delete", link], capture_output=True, check=False)
        if tried.returncode != 0 and exists(link):
            message = f"nodes: the interface {link} cannot be removed"
            raise StackError(message, f"ip link delete {link}")


def set_link(subnet: int, number: int, *, is_up: bool) -> None:
    """Connect a node's interface, or cut it. Raises StackError."""
    _ip("link", "set", link_name(subnet, number), "up" if is_up else "down")


def is_link_up(subnet: int, number: int) -> bool:
    """Tell whether a node's interface is there and not cut."""
    try:
        flags = (INTERFACES / link_name(subnet, number) / "flags").read_text(encoding="ascii")
    except OSError:
        return False
    return bool(int(flags, 16) & IS_UP)


def exists(interface: str) -> bool:
    """Tell whether this machine has an interface of that name."""
    return (INTERFACES / interface).exists()


def _rule(bridge: str) -> list[str]:
    return ["-i", bridge, "-o", bridge, "-j", "ACCEPT"]


def _has_rule(bridge: str) -> bool:
    command = ["iptables", "-w", "-C", "FORWARD", *_rule(bridge)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = f"nodes: `{' '.join(command)}`: {done.stderr.strip()}"
        raise StackError(message, "python -m stack nodes stop; then start again")
