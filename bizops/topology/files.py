"""Which files make up a topology, and which variables it sees."""

# ruff: noqa: PTH110, PTH112, PTH113 - pathlib raises where it may not look
from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bizops.topology.tree.merging import join
from bizops.topology.tree.nodes import Mapping, Span
from bizops.topology.tree.parsing import BYTES, read

if TYPE_CHECKING:
    from collections.abc import Mapping as Variables
    from collections.abc import Sequence

    from bizops.topology.tree.faults import Faults

STDIN = "<stdin>"
_SUFFIXES = frozenset({".yaml", ".yml"})
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class Layer(NamedTuple):
    """One `-f`: a file, or the files of a directory side by side; `beside` is the folder that it stands in.

    `tree` is None where a file of it cannot be read: what the others need may stand in that one.
    """

    files: tuple[str, ...]
    tree: Mapping | None
    beside: Path


class Seen(NamedTuple):
    """The variables that templates see; where not `is_whole`, a file of them has faults and may set others."""

    values: Variables[str, str]
    is_whole: bool = True


class Files:
    """Reads files below one directory, which is what relative names start from."""

    def __init__(self, directory: Path, faults: Faults) -> None:
        self._directory = directory
        self._faults = faults

    def layers(
        self, files: Sequence[str], environment: str | None, variables: Variables[str, str]
    ) -> tuple[Layer, ...]:
        """Give every layer, the lowest first; the environment's lies on top of all."""
        wanted = tuple(files) or self._default(variables)
        layers = [self._layer(file) for file in wanted]
        if environment and layers:
            layers.append(self._environment(environment, wanted[0], layers[0].beside))
        return tuple(layers)

    def _default(self, variables: Variables[str, str]) -> tuple[str, ...]:
        """Give what stands for no `-f`: $BIZOPS_FILE, ./bizops.yaml, ./topology/."""
        if named := variables.get("BIZOPS_FILE"):
            return (named,)
        if os.path.exists(self._directory / "bizops.yaml"):
            return ("bizops.yaml",)
        if os.path.isdir(self._directory / "topology"):
            return ("topology",)
        hint = "name one with -f FILE, or set BIZOPS_FILE"
        problem = "no topology here: neither bizops.yaml nor a folder topology/"
        self._faults.add(Span(str(self._directory)), problem, hint=hint)
        return ()

    def _layer(self, file: str) -> Layer:
        if file == "-":
            tree = read(STDIN, sys.stdin.buffer.read(BYTES + 1), self._faults)
            return Layer((STDIN,), tree, self._directory)
        path = self._directory / file
        if not file:
            self._faults.add(Span("-f"), "the name of the file is empty")
            return Layer((), None, path)
        try:
            if not path.is_dir():
                return Layer((file,), self._file(file), path.parent)
            inside = sorted(path.iterdir())
        except OSError as error:
            self._faults.add(Span(file), f"cannot be read: {error.strerror}")
            return Layer((), None, path)
        names = [
            str(Path(file) / inner.name)
            for inner in inside
            if inner.suffix in _SUFFIXES
            and not inner.name.startswith(".")
            and not os.path.isdir(inner)
        ]
        if not names:
            self._faults.add(
                Span(file), "no .yaml file in this directory (folders below it are not read)"
            )
        trees = [tree for name in names if (tree := self._file(name))]
        is_whole = bool(trees) and len(trees) == len(names)
        return Layer(tuple(names), join(trees, self._faults) if is_whole else None, path)

    def _file(self, file: str) -> Mapping | None:
        content = self._content(file)
        return None if content is None else read(file, content, self._faults)

    def _content(self, file: str) -> bytes | None:
        """Read a file, at most one byte more than is allowed; notes why it cannot be read."""
        path = self._directory / file
        try:
            with path.open("rb") as stream:
                return stream.read(BYTES + 1)
        except FileNotFoundError:
            if path.is_symlink():
                self._faults.add(Span(file), "a link to a file that is not there")
            else:
                self._faults.add(Span(file), "no such file", hint=self._neighbour(path))
        except IsADirectoryError:
            self._faults.add(Span(file), "a directory, where a file is meant")
        except PermissionError:
            self._faults.add(Span(file), "no permission to read it")
        except (OSError, ValueError) as error:
            self._faults.add(
                Span(file), f"cannot be read: {getattr(error, 'strerror', None) or error}"
            )
        return None

    def _neighbour(self, path: Path) -> str:
        """Give the nearest name among the files that do stand there."""
        try:
            return self._faults.nearest(path.name, [inner.name for inner in path.parent.iterdir()])
        except (OSError, ValueError):
            return ""

    def _environment(self, environment: str, first: str, beside: Path) -> Layer:
        folder = beside / "env"
        known = sorted(
            path.stem for path in folder.glob("*.yaml") if not path.name.startswith(".")
        )  # fmt: skip
        shown_folder = Path(first) if beside == self._directory / first else Path(first).parent
        file = str(Path("env") if first == "-" else shown_folder / "env") + f"/{environment}.yaml"
        if environment in known:
            return Layer((file,), self._file(file), folder)
        there = f"there are {', '.join(known)}" if known else "there is none"
        hint = self._faults.nearest(environment, known)
        self._faults.add(
            Span(file),
            f"no environment {environment}: {there} in {shown_folder / 'env'}",
            hint=hint,
        )
        return Layer((file,), None, folder)

    def variables(self, env_file: str | None, beside: Path, shell: Variables[str, str]) -> Seen:
        """Give all variables: the shell's win over `--env-file`, or `.env` beside the first file."""
        file = env_file
        if file is None:
            if not os.path.isfile(beside / ".env"):
                return Seen(shell)
            file = self._shown(beside / ".env")
            if _is_tracked(beside / ".env"):
                self._faults.warn(
                    Span(file), "git tracks this file: whatever is secret in it is published"
                )
        content = self._content(file)
        if content is None:
            return Seen(shell, is_whole=False)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            self._faults.add(Span(file), "not UTF-8")
            return Seen(shell, is_whole=False)
        found, is_whole = self._assignments(file, text)
        return Seen({**found, **shell}, is_whole)

    def _shown(self, path: Path) -> str:
        return str(
            path.relative_to(self._directory) if path.is_relative_to(self._directory) else path
        )

    def _assignments(self, file: str, text: str) -> tuple[dict[str, str], bool]:
        """Read `NAME=value` lines, and say whether all could be read.

        The faulty line itself is never shown, as it may be a password's.
        """
        found: dict[str, str] = {}
        is_whole = True
        for number, line in enumerate(text.splitlines(), start=1):
            content = line.strip()
            if not content or content.startswith("#"):
                continue
            assignment = _ASSIGNMENT.fullmatch(content)
            value = _unquoted(assignment[2]) if assignment else None
            is_whole = is_whole and value is not None
            if assignment is None:
                self._faults.add(Span(file, number, 1), "not an assignment: write NAME=value")
            elif value is None:
                self._faults.add(Span(file, number, 1), f"{assignment[1]}: a quote is never closed")
            else:
                found[assignment[1]] = value
        return found, is_whole


def _unquoted(text: str) -> str | None:
    r"""Give the value of an assignment as the docker CLI reads it; None where a quote is never closed.

    Single quotes keep everything; double quotes know `\n \r \t \" \\`; without quotes ` #` begins a comment.
    """
    if not text or text[0] not in "'\"":
        return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].rstrip()
    pattern = r"'([^']*)'" if text[0] == "'" else r'"((?:[^"\\]|\\.)*)"'
    quoted = re.match(pattern + r"\s*(?:#.*)?\Z", text, re.DOTALL)
    if not quoted:
        return None
    if text[0] == "'":
        return quoted[1]
    return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), quoted[1])


def _is_tracked(path: Path) -> bool:
    """True where git has this file in its index; False where there is no git or no repository."""
    import subprocess  # noqa: PLC0415 - only where there is a .env

    try:
        return (
            subprocess.run(
                ["git", "-C", str(path.parent), "ls-files", "--error-unmatch", "--", path.name],
                capture_output=True,
                check=False,
                timeout=5,
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
