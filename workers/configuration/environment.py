"""Where the texts of settings come from: the environment, `.env`, and Docker secrets files (`<NAME>_FILE`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from workers.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_environment(environment: Mapping[str, str], dotenv: Path | None) -> dict[str, str]:
    """Give all variables; the environment beats `dotenv`, which may not exist. Raises SettingsError."""
    return {**_read_dotenv(dotenv), **environment}


def find(name: str, given: Mapping[str, str]) -> str:
    """Give a variable's text, or that of the file that `<name>_FILE` names; raises ValueError."""
    path = given.get(f"{name}_FILE", "")
    if not path:
        return _checked(given.get(name, "").strip())
    if given.get(name):
        message = f"is set, and so is {name}_FILE: unset one of them"
        raise ValueError(message)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        message = f"the file that {name}_FILE names cannot be read: {reason}"
        raise ValueError(message) from None


def default_dotenv() -> Path:
    """Give the `.env` of the folder that the worker was started in."""
    return Path(os.curdir) / ".env"


def _read_dotenv(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415 - only where there is such a file

    try:
        return {name: value or "" for name, value in dotenv_values(path).items()}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError([f"{path} cannot be read: {reason}"]) from None


def _checked(text: str) -> str:
    """Refuse bytes of the environment that are no text, which Python gives as half characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        message = "is not UTF-8"
        raise ValueError(message) from None
    return text
