"""The settings as the help and the documents show them."""

from __future__ import annotations

from workers.configuration.settings import FIELDS
from workers.configuration.values import Secret


def describe_settings() -> str:
    """Give one line for each setting, as the help shows them: variable, meaning, default."""
    width = max(map(len, FIELDS))
    rows = []
    for name, field in FIELDS.items():
        rows.append(f"  {name:<{width}}  {field.metadata['meaning']}{_shown(field.default)}")
    return "\n".join(rows)


def _shown(default: object) -> str:
    """Give a default as the help shows it; nothing for none, and for what is a secret."""
    if default in {"", None} or isinstance(default, Secret):
        return ""
    return f" [{str(default).lower() if isinstance(default, bool) else default}]"
