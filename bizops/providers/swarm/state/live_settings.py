"""A live service in the words of the topology file; pure."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from bizops.providers.swarm.compose import image_references
from bizops.providers.swarm.spec.field_table import SHAPES
from bizops.resource import Field, Path, Secret

if TYPE_CHECKING:
    from collections.abc import Collection

    from bizops.providers.swarm.compose.services.service import Service
    from bizops.providers.swarm.spec.field_codecs import Names, RawSpec

ORIGIN = "spec"


def settings(spec: RawSpec, names: Names) -> dict[Path, Any]:
    """Give every setting that we manage, by path, with the engine's defaults filled in."""
    return {path: value for shape in SHAPES for path, value in shape.observed(spec, names)}


def fields(
    spec: RawSpec, names: Names, declared: Service | None, *, pinned: bool = False
) -> tuple[tuple[Path, Field], ...]:
    """Give the settings in a form that compares with a declaration.

    The digest of the image stays only where the declaration has one, or where `pinned` says that tags were resolved:
    `repo:tag` equals `repo:tag@any`. Values that the declaration lists as sensitive are hidden.
    """
    found = settings(spec, names)
    if not pinned and not (declared and declared.image and "@" in declared.image):
        found["image",] = image_references.without_digest(found["image",])
    _hide(found, declared.sensitive or () if declared else ())
    return tuple((path, _field(found[path])) for path in sorted(found))


@functools.lru_cache(maxsize=4096, typed=True)
def _field(value: Any) -> Field:  # noqa: ANN401 - any setting
    """Give one Field for equal values: most settings of most services are the engine's defaults."""
    return Field(value, ORIGIN)


def _hide(found: dict[Path, Any], sensitive: Collection[str]) -> None:
    for name in sensitive:
        value = found.get(("environment", name))
        if isinstance(value, str):
            found["environment", name] = Secret(value)
