"""Secrets and configs inside a service: what is mounted where, with which owner and mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from bizops.providers.swarm.compose.services.mounts import Mode  # noqa: TC001 - pydantic reads the annotations
from bizops.providers.swarm.compose.values import Block, Entry, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

_READABLE = 0o444
_SECRETS = "/run/secrets/"


class FileReference(Block):
    """A secret or config mounted into the containers as a file."""

    source: Text = Field(description="Key of the secret or config in this section.")
    target: Text | None = Field(
        default=None,
        description="File name beneath /run/secrets, or an absolute path; the key where left out.",
    )
    uid: Text = Field(default="0", description="Owner inside the container.")
    gid: Text = Field(default="0", description="Group inside the container.")
    mode: Mode = Field(default=_READABLE, description="File mode, such as '0440'.")

    def entry(self, kind: str, engine_name: str) -> Entry:
        """Give it as one comparable item; `kind` is Secret or Config, the name is the engine's."""
        root = "" if kind == "Secret" else "/"
        file = {
            "Name": self.target or f"{root}{self.source}",
            "UID": self.uid,
            "GID": self.gid,
            "Mode": self.mode,
        }
        return observed(kind, {"File": file, f"{kind}Name": engine_name})


def observed(kind: str, raw: Mapping[str, Any]) -> Entry:
    """Read one raw reference. Shown is only what differs from the engine's way: own name, 0:0, 0444."""
    name = str(raw.get(f"{kind}Name", ""))
    file = raw.get("File") or {}
    target = str(file.get("Name") or name)
    if kind == "Secret":
        target = target.removeprefix(_SECRETS)
    own = name if kind == "Secret" else f"/{name}"
    uid, gid, mode = file.get("UID") or "0", file.get("GID") or "0", file.get("Mode", _READABLE)
    text = name if target in {name, own} else f"{name}:{target}"
    if (uid, gid) != ("0", "0"):
        text += f" uid={uid} gid={gid}"
    if mode != _READABLE:
        text += f" mode={mode:04o}"
    return Entry(text, dict(raw))


def _long_form(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    return {"source": value} if isinstance(value, str) else value


if TYPE_CHECKING:
    FileReferences = tuple[FileReference, ...]
else:
    FileReferences = tuple[
        Annotated[
            FileReference, BeforeValidator(_long_form, json_schema_input_type=str | FileReference)
        ],
        ...,
    ]
