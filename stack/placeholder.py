"""A tiny image for services in tests and the demo, in two versions, in the local registry."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

from stack.parts import base_image
from stack.parts.model import RECIPES

if TYPE_CHECKING:
    from stack.images import Images
    from stack.report import Step
    from stack.settings import Settings

REPOSITORY = "bizops/placeholder"
VERSIONS = ("1", "2")
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def placeholder_names(settings: Settings) -> list[str]:
    """Give the names under which the engine pulls the versions, in their order."""
    registry = f"127.0.0.1:{settings.registry_port}"
    return [f"{registry}/{REPOSITORY}:{version}" for version in VERSIONS]


def ensure_placeholder(settings: Settings, images: Images, step: Step) -> None:
    """See that the registry has every version, each with a digest of its own; raises StackError."""
    missing = [version for version in VERSIONS if not _is_pushed(settings.registry_port, version)]
    if not missing:
        return
    base = images.ensure(base_image(settings), step)
    recipe = {"Dockerfile": (RECIPES / "placeholder" / "Dockerfile").read_bytes()}
    names = dict(zip(VERSIONS, placeholder_names(settings), strict=True))
    for version in missing:
        name = names[version]
        step.note(f"pushing {name}")
        images.build(name, recipe, {"BASE": base, "VERSION": version}, "image-placeholder")
        images.push(name)


def _is_pushed(port: int, version: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        path = f"/v2/{REPOSITORY}/manifests/{version}"
        connection.request("HEAD", path, headers={"Accept": MANIFEST})
        return connection.getresponse().status == http.HTTPStatus.OK
    finally:
        connection.close()
