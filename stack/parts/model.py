"""What a part of the stack is: one container, and where its image comes from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stack.debian import TRIXIE

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = Path(__file__).parent.parent / "files"
RECIPES = Path(__file__).parent.parent / "images"


@dataclass(frozen=True)
class Image:
    """Where a part's image comes from.

    ``reference`` is pulled where a registry answers. Otherwise ``recipe`` (a folder of
    ``stack/images``) is built on Debian ``suite``, unless the reference ``is_pinned`` by a
    setting.
    """

    reference: str
    recipe: str
    suite: str = TRIXIE
    is_pinned: bool = False
    arguments: Mapping[str, str] = field(default_factory=dict)

    def read_recipe(self) -> dict[str, bytes]:
        """Give the recipe's files by name; none for the base, which is no recipe's."""
        folder = RECIPES / self.recipe
        return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}


@dataclass(frozen=True)
class Part:
    """One container of the stack.

    ``ports`` maps container ports to ports of 127.0.0.1, ``files`` paths in the container to
    (content, mode). ``volume`` is the folder that keeps the data, if there is any, and ``data_version`` keeps
    the data of versions apart that cannot read each other's. ``cluster`` is the name by which the parts of one
    cluster are started together, ``members`` are their containers. ``version`` is what to show for a service
    that does not tell its version itself, ``label`` (KEY=VALUE) marks what the stack made.
    """

    name: str
    container: str
    service: str
    label: str
    image: Image
    ports: Mapping[int, int]
    volume: str = ""
    data_version: str = ""
    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    is_optional: bool = False
    cluster: str = ""
    members: tuple[str, ...] = ()
    version: str = ""

    @property
    def volume_name(self) -> str:
        """The named volume that outlives the container."""
        name = f"bizops-stack-{self.container}"
        return f"{name}-{self.data_version}" if self.data_version else name

    @property
    def fingerprint(self) -> str:
        """A digest of everything that a container of this part is made from."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode())
        for name, content in self.image.read_recipe().items():
            digest.update(name.encode() + content)
        return digest.hexdigest()[:16]


def image(pinned: str, reference: str, recipe: str, suite: str = TRIXIE) -> Image:
    """Give the image that a setting names, else the public one of that reference or what its recipe builds."""
    return Image(pinned or reference, recipe, suite, is_pinned=bool(pinned))


def read(name: str) -> str:
    """Give the text of a file of ``stack/files``."""
    return (FILES / name).read_text(encoding="utf-8")
