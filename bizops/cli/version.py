"""The command that says which bizops this is. It imports nothing, as it is asked for often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bizops

if TYPE_CHECKING:
    from bizops.cli.console import Console
    from bizops.cli.options import Output


def version(given: Output, console: Console) -> int:
    """Print the version."""
    del given
    if console.is_json:
        console.document({"format_version": "1.0", "version": bizops.__version__, "errored": False})
    else:
        console.result(f"bizops {bizops.__version__}")
    return 0
