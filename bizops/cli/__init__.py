"""The command line: what people type, what they see, and how it ends."""

from __future__ import annotations

import gc
import signal
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Carry out the command in `sys.argv` and exit with its code."""
    # Amid an import Python would answer with a traceback; from then on `signals` does.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # A tenth of a short run's time went into looking for garbage, most of it in imports.
    gc.set_threshold(200_000)
    from bizops.cli.app import main as carry_out  # noqa: PLC0415 - modules of this package are used without it

    try:
        carry_out()
    finally:
        # Python looks through everything once more before it exits, which took another fifth.
        gc.freeze()
