"""Volumes, binds and tmpfs mounts: Compose's short and long form, and the engine's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from bizops.providers.swarm.compose.values import Block, Bytes, Entry, Text, TextMap, Truth, list_of
from bizops.quantity import Size

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROPAGATIONS = ("rprivate", "private", "rshared", "shared", "rslave", "slave")
_OCTAL = re.compile(r"(?:0?o)?([0-7]{1,5})\Z")
_FLAGS = frozenset({"ro", "rw", "nocopy", "z", "Z", *_PROPAGATIONS})
_WORLD_WRITABLE = 0o1777


def mode_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give file permissions as a number. The digits are octal, with a leading zero or without, quoted or not."""
    digits = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if found := _OCTAL.match(digits):
        return int(found[1], 8)
    message = f"{value!r} is not a file mode: write octal digits, such as '0440'"
    raise ValueError(message)


if TYPE_CHECKING:
    Mode = int
else:
    Mode = Annotated[int, BeforeValidator(mode_of, json_schema_input_type=int | str)]


class BindOptions(Block):
    """What only a bind mount has."""

    propagation: Literal["rprivate", "private", "rshared", "shared", "rslave", "slave"] | None = (
        Field(default=None, description="How mounts beneath it spread.")
    )


class VolumeOptions(Block):
    """What only a volume has."""

    nocopy: Truth = Field(
        default=False,
        description="Do not fill an empty volume with what the image has at that path.",
    )
    driver: Text | None = Field(default=None, description="Volume driver, `local` where left out.")
    driver_opts: TextMap | None = Field(default=None, description="Options of the volume driver.")
    labels: TextMap | None = Field(default=None, description="Labels of a volume that is created.")


class TmpfsOptions(Block):
    """What only a tmpfs has."""

    size: Bytes | None = Field(default=None, description="Largest size, such as 64MiB.")
    mode: Mode | None = Field(default=None, description="File mode of its root, such as '1777'.")


class Mount(Block):
    """One thing mounted into the containers."""

    type: Literal["volume", "bind", "tmpfs"] = Field(
        default="volume", description="A volume, a path of the node, or memory."
    )
    source: Text | None = Field(
        default=None, description="Name of the volume or path on the node; none for tmpfs."
    )
    target: Text = Field(description="Path inside the container.", examples=["/data"])
    read_only: Truth = Field(default=False, description="Mounted for reading only.")
    bind: BindOptions | None = Field(default=None, description="Options of a bind mount.")
    volume: VolumeOptions | None = Field(default=None, description="Options of a volume.")
    tmpfs: TmpfsOptions | None = Field(default=None, description="Options of a tmpfs.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Mount:
        message = ""
        if not self.target.startswith("/"):
            message = f"target {self.target!r} must be an absolute path inside the container"
        elif self.type == "bind" and not (self.source or "").startswith("/"):
            message = "a bind mount needs the absolute path that it has on every node as its source"
        elif self.type == "tmpfs" and self.source:
            message = "a tmpfs has no source"
        for name in ("bind", "volume", "tmpfs"):
            if getattr(self, name) is not None and name != self.type:
                message = f"{name} options do not go with type {self.type}"
        if message:
            raise ValueError(message)
        return self

    def entry(self) -> Entry:
        """Give the mount as one comparable item."""
        raw: dict[str, Any] = {"Type": self.type, "Target": self.target}
        if self.source:
            raw["Source"] = self.source
        if self.read_only:
            raw["ReadOnly"] = True
        if self.bind and self.bind.propagation:
            raw["BindOptions"] = {"Propagation": self.bind.propagation}
        if self.volume and (options := _volume_options(self.volume)):
            raw["VolumeOptions"] = options
        if self.tmpfs:
            raw["TmpfsOptions"] = {"SizeBytes": self.tmpfs.size or 0, "Mode": self.tmpfs.mode or 0}
        return observed(raw)


def _volume_options(options: VolumeOptions) -> dict[str, Any]:
    raw: dict[str, Any] = {}
    if options.nocopy:
        raw["NoCopy"] = True
    if options.labels:
        raw["Labels"] = dict(options.labels)
    if options.driver or options.driver_opts:
        raw["DriverConfig"] = {
            "Name": options.driver or "local",
            "Options": dict(options.driver_opts or ()),
        }
    return raw


def is_tmpfs(raw: Mapping[str, Any]) -> bool:
    """True where a raw mount is a tmpfs: Compose has a key of its own for those."""
    return raw.get("Type") == "tmpfs"


def observed(raw: Mapping[str, Any]) -> Entry:
    """Read one raw mount. An unset type is bind, an unset propagation rprivate, an unset tmpfs mode 1777.

    Sources: moby `daemon/cluster/convert/container.go`, and mount(8) for tmpfs.
    """
    kind = raw.get("Type") or "bind"
    options = sorted(_options(raw))
    source = f"{raw['Source']}:" if raw.get("Source") else ""
    shown = f":{','.join(options)}" if options else ""
    kept = {"Type": kind, **raw}
    prefix = "" if kind in {"bind", "volume", "tmpfs"} else f"{kind} "
    return Entry(f"{prefix}{source}{raw.get('Target', '')}{shown}", kept)


def _options(raw: Mapping[str, Any]) -> list[str]:
    found = ["ro"] if raw.get("ReadOnly") else []
    propagation = (raw.get("BindOptions") or {}).get("Propagation") or "rprivate"
    if propagation != "rprivate":
        found.append(propagation)
    volume = raw.get("VolumeOptions") or {}
    found += ["nocopy"] if volume.get("NoCopy") else []
    driver = volume.get("DriverConfig") or {}
    if driver.get("Name") not in {None, "", "local"}:
        found.append(f"driver={driver['Name']}")
    found += [f"{key}={value}" for key, value in (driver.get("Options") or {}).items()]
    found += [f"label {key}={value}" for key, value in (volume.get("Labels") or {}).items()]
    tmpfs = raw.get("TmpfsOptions") or {}
    if tmpfs.get("SizeBytes"):
        found.append(f"size={Size(tmpfs['SizeBytes'])}")
    if tmpfs.get("Mode") not in {None, 0, _WORLD_WRITABLE}:
        found.append(f"mode={tmpfs['Mode']:04o}")
    return found


def _volume_long_form(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Read `[SOURCE:]TARGET[:OPTIONS]`; a source that begins with `/` is a path on the node."""
    if not isinstance(value, str):
        return value
    parts = value.split(":")
    source, target, flags = (
        ("", parts[0], "") if len(parts) == 1 else (parts[0], parts[1], ":".join(parts[2:]))
    )
    if source.startswith((".", "~")):
        message = f"{source!r} is a path of this machine: a task may run on any node, so write an absolute path"
        raise ValueError(message)
    long: dict[str, Any] = {
        "type": "bind" if source.startswith("/") else "volume",
        "target": target,
    }
    if source:
        long["source"] = source
    for flag in filter(None, flags.split(",")):
        if flag not in _FLAGS:
            message = f"{flag!r} is not a mount option: known are {', '.join(sorted(_FLAGS))}"
            raise ValueError(message)
        if flag == "ro":
            long["read_only"] = True
        elif flag == "nocopy":
            long["volume"] = {"nocopy": True}
        elif flag in _PROPAGATIONS:
            long["bind"] = {"propagation": flag}
    return long


def _tmpfs_long_form(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Read `TARGET[:size=64m,mode=1777]`."""
    if not isinstance(value, str):
        return value
    target, _, flags = value.partition(":")
    options: dict[str, str] = {}
    for flag in filter(None, flags.split(",")):
        key, _, held = flag.partition("=")
        if key not in {"size", "mode"} or not held:
            message = f"{flag!r} is not a tmpfs option: Swarm knows size=64m and mode=1777"
            raise ValueError(message)
        options[key] = held
    long: dict[str, Any] = {"type": "tmpfs", "target": target}
    return {**long, "tmpfs": options} if options else long


if TYPE_CHECKING:
    Volumes = tuple[Mount, ...]
    TmpfsMounts = tuple[Mount, ...]
else:
    Volumes = tuple[
        Annotated[Mount, BeforeValidator(_volume_long_form, json_schema_input_type=str | Mount)],
        ...,
    ]
    TmpfsMounts = Annotated[
        tuple[Annotated[Mount, BeforeValidator(_tmpfs_long_form, json_schema_input_type=str)], ...],
        BeforeValidator(list_of, json_schema_input_type=str | list[str]),
    ]
