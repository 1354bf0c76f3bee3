"""The command line: what people type, what they see, and how it ends."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Carry out the command in `sys.argv` and exit with its code."""
    from bizops.cli.app import main as carry_out  # noqa: PLC0415 - modules of this package are used without it

    carry_out()
