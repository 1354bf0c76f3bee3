"""The one error that the stack shows to people: what failed, its log's last lines, a remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TAIL_LINES = 15


class StackError(Exception):
    """A step of the stack failed.

    ``message`` names the step and the cause, ``remedy`` what the reader can do about it, and
    ``log`` the file whose last lines belong to the failure.
    """

    def __init__(self, message: str, remedy: str = "", log: Path | None = None) -> None:
        """Take the message, and where they help a remedy and a log file."""
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.log = log

    def render(self) -> str:
        """Give the whole failure as text of one or more lines, without a trailing newline."""
        lines = [f"error: {self.message}"]
        if self.log is not None:
            tail = tail_of(self.log)
            if tail:
                lines += [f"  last lines of {self.log}:", *(f"    {line}" for line in tail)]
        if self.remedy:
            lines.append(f"  what to do: {self.remedy}")
        return "\n".join(lines)


def tail_of(log: Path, count: int = TAIL_LINES) -> list[str]:
    """Give the last ``count`` non-empty lines of a log file; none when it cannot be read."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-count:]
