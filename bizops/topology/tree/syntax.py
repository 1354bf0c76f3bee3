"""What is wrong with a file before it has a tree: its encoding, its tabs, its brackets and quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yaml.reader import ReaderError

from bizops.topology.tree.nodes import Span, lines_of

if TYPE_CHECKING:
    from yaml import YAMLError

_TAB = "a tab: YAML is indented with spaces only"


def decoded(content: bytes) -> str:
    """Read UTF-8, with or without a byte order mark; raises UnicodeDecodeError."""
    return content.decode("utf-8-sig")


def encoding_fault(file: str, error: UnicodeDecodeError) -> tuple[Span, str]:
    """Give the place of the first byte that is not UTF-8, and what to say of it."""
    lines = lines_of(error.object[: error.start].decode("utf-8-sig", "replace"))
    byte = error.object[error.start]
    problem = f"byte 0x{byte:02x} is not UTF-8: save the file as UTF-8"
    return Span(file, len(lines), len(lines[-1]) + 1), problem


def tabbed(text: str) -> set[int]:
    """Give the lines that are indented with a tab: allowed inside brackets, and wrong everywhere else."""
    if "\t" not in text:
        return set()
    lines = enumerate(lines_of(text), start=1)
    return {number for number, line in lines if "\t" in line[: len(line) - len(line.lstrip())]}


def syntax_fault(file: str, text: str, error: YAMLError) -> tuple[Span, str]:
    """Give the place and the words of the parser's complaint."""
    if isinstance(error, ReaderError):
        # libyaml counts bytes here, and PyYAML's own reader characters; they differ after the first accent.
        before = lines_of(text.encode()[: error.position].decode(errors="replace"))
        problem = "a control character: YAML allows none but tab and newline"
        return Span(file, len(before), len(before[-1]) + 1), problem
    mark: Any = getattr(error, "problem_mark", None)
    start: Any = getattr(error, "context_mark", None)
    if mark is None:
        return Span(file), f"not YAML: {error}"
    lines = lines_of(text)
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: mark.column + 1] and not line[: mark.column].strip():
        return Span(file, mark.line + 1, mark.column + 1), _TAB
    began = f" that began in line {start.line + 1}" if start else ""
    context: Any = getattr(error, "context", None)
    words = f"{context}{began}, " if context else ""
    advice = "; between { } or [ ] a value with ${...} is quoted" if "${" in line else ""
    if start is not None and not any(rest.strip() for rest in lines[mark.line :]):
        # It was noticed at the end of the file only: what is open began elsewhere.
        mark = start
    return Span(
        file, mark.line + 1, mark.column + 1
    ), f"not YAML: {words}{getattr(error, 'problem', '')}{advice}"
