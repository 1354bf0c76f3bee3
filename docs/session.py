"""Runs the console sessions of a page in a folder of its own, and compares what is printed with what the page shows.

What differs from run to run is levelled on both sides: durations, versions, the line about each system, the width of
columns, the order in which neighbouring resources were done. `[...]` on a line of its own stands for any lines.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from docs.pages import Block

CUT = "[...]"
_EXIT = re.compile(r"\s+# exit (\d+)\s*$")
_LEVELLED = (
    (re.compile(r"^  (rabbitmq|kafka|swarm) {2,}\S.*$"), r"  \1"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:ms|s|min)\b(?: \d+ s\b)?"), "T"),
    (re.compile(r"\b\d+\.\d+\.\d+\S*"), "V"),
    (re.compile(r"(?<=\S) {2,}"), " "),
)
_DONE = re.compile(r"  [✓✗…] ")


class Command(NamedTuple):
    """One `$ ` line, the exit code that it is to have, and the lines that it is to print."""

    line: str
    code: int
    output: tuple[str, ...]


def commands(block: Block) -> Iterator[Command]:
    """Take a session apart."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        line, *output = part.rstrip("\n").split("\n")
        found = _EXIT.search(line)
        yield Command(line, int(found[1]) if found else 0, tuple(output))


def play(block: Block, folder: Path) -> Iterator[tuple[Command, Command]]:
    """Run each command; give it as the page has it and as it went."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BIZOPS_")}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', '')}"
    environ |= {"PATH": programs, "COLUMNS": "92", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    for command in commands(block):
        done = subprocess.run(
            ["bash", "-c", _EXIT.sub("", command.line)],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        yield command, Command(command.line, done.returncode, tuple(done.stdout.splitlines()))


def is_same(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Tell whether a page shows what was printed, `[...]` standing for any lines."""
    pattern = "".join(
        r"(?:.*\n)*" if line == CUT else re.escape(line) + "\n" for line in _levelled(shown)
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _levelled(printed))) is not None


def _levelled(lines: Sequence[str]) -> list[str]:
    levelled: list[str] = []
    together: list[str] = []
    for line in lines:
        is_done = bool(_DONE.match(line))
        for pattern, replacement in _LEVELLED:
            line = pattern.sub(replacement, line)  # noqa: PLW2901 - one step after the other
        if is_done:
            together.append(line.rstrip())
            continue
        levelled += [*sorted(together), line.rstrip()]
        together = []
    return levelled + sorted(together)


def rewritten(page: str, block: Block, pairs: Sequence[tuple[Command, Command]]) -> str:
    """Give the text of a page with what was really printed where the block shows something else."""
    lines: list[str] = []
    for shown, went in pairs:
        is_kept = is_same(shown.output, went.output)
        lines += (f"$ {shown.line}", *(shown.output if is_kept else _cut(shown, went)))
    return page.replace(block.text, "".join(f"{line}\n" for line in lines), 1)


def _cut(shown: Command, went: Command) -> tuple[str, ...]:
    """Give what was printed, from the same line on where the page leaves out the beginning."""
    levelled = _levelled(went.output)
    first = _levelled(shown.output[1:2]) if shown.output[:1] == (CUT,) else []
    if first and first[0] in levelled:
        return (CUT, *went.output[levelled.index(first[0]) :])
    return went.output
