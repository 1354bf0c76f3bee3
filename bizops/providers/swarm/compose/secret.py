"""Secrets: where their value comes from. The value is read when it is written, and never compared."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, PrivateAttr, ValidationInfo, model_validator

from bizops import resource
from bizops.providers.swarm.compose import local_files
from bizops.providers.swarm.compose.external import External, external_of
from bizops.providers.swarm.compose.values import Block, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.resource import Path

LARGEST = 500 * 1024
"""Bytes; the value must be smaller (swarmkit `api/validation/secrets.go`)."""


def _beside_the_topology(value: str, info: ValidationInfo) -> str:
    """Give the path from where we are; validation knows the folder of the topology file."""
    return str(local_files.beside(value, info.context))


SourceFile = Annotated[Text, AfterValidator(_beside_the_topology)]


class Secret(Block):
    """A Swarm secret. Its value cannot be read back, so another value means another name."""

    environment: Text | None = Field(
        default=None,
        description="Environment variable with the value, read when the secret is created.",
    )
    file: SourceFile | None = Field(
        default=None,
        description="File with the value, beside the topology file; read when the secret is created.",
    )
    external: External = Field(
        default=False, description="It must exist already; it is never created or deleted."
    )
    name: Text | None = Field(
        default=None,
        description="Its name in the engine; the key where left out. A new name rotates the value.",
    )

    _value: resource.Secret | None = PrivateAttr(default=None)

    _external = model_validator(mode="before")(external_of)

    @model_validator(mode="after")
    def _has_one_source(self, info: ValidationInfo) -> Secret:
        given = [name for name in ("environment", "file", "external") if getattr(self, name)]
        if len(given) != 1:
            message = "give exactly one of environment: NAME, file: PATH, external: true"
            raise ValueError(message)
        value = _variables(info).get(self.environment or "")
        self._value = None if value is None else resource.Secret(value)
        return self

    def fields(self) -> dict[Path, Any]:
        """Give nothing: there is nothing about a secret that can be compared or changed."""
        return {}

    @property
    def value(self) -> resource.Secret | None:
        """The value of its variable when the topology was read, None where there was none."""
        return self._value

    def withheld(self) -> tuple[resource.Secret, ...]:
        """Give the value where it can be read; a task may print it, as a whole or line by line."""
        text = self._value.reveal() if self._value else ""
        if self.file:
            with contextlib.suppress(ValueError):
                text = _contents(FilePath(self.file)).decode(errors="replace")
        lines = {text.strip(), *(line.strip() for line in text.splitlines())}
        return tuple(resource.Secret(line) for line in sorted(lines) if line)


def _variables(info: ValidationInfo) -> Mapping[str, str]:
    """Give the variables that the topology sees, `.env` among them; the shell's where there is no topology."""
    found: Mapping[str, str] = (info.context or {}).get("variables", os.environ)
    return found


def value_of(spec: Secret) -> bytes:
    """Read the value. Raises ValueError, which names the source and never the value."""
    if spec.environment:
        if spec.value is None:
            message = f"environment variable {spec.environment} is not set, and the secret is made from it"
            raise ValueError(message)
        value = spec.value.reveal().encode()
    else:
        value = _contents(FilePath(spec.file or ""))
    if not value:
        message = "its value is empty, and Swarm stores no empty secret"
        raise ValueError(message)
    if len(value) >= LARGEST:
        more = "more than " if len(value) > LARGEST else ""
        size = min(len(value), LARGEST)
        message = f"its value has {more}{size} bytes, and Swarm stores less than {LARGEST}"
        raise ValueError(message)
    return value


def _contents(path: FilePath) -> bytes:
    """Read no more than is needed to see that it is too much; a pipe would be empty at the next look."""
    try:
        if path.exists() and not path.is_file():
            message = f"{path} is {'a directory' if path.is_dir() else 'no regular file'}"
            raise ValueError(message)
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise ValueError(message) from None
