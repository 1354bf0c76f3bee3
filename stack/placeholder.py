"""A tiny image for services in tests and the demo, in two versions, in the local registry."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

from stack.parts import RECIPES, base_image

if TYPE_CHECKING:
    from stack.images import Images
    from stack.report import Step
    from stack.settings import Settings

REPOSITORY = "bizops/placeholder"
VERSIONS = ("1", "2")
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def ensure_placeholder(settings: Settings, images: Images, step: Step) -> None:
    """See that the registry has every version, each with a digest of its own; raises StackError."""
    missing = [version for version in VERSIONS if not _is_pushed(settings.registry_port, version)]
    if not missing:
        return
    base = images.ensure(base_image(settings), step)
    recipe = {"Dockerfile": (RECIPES / "placeholder" / "Dockerfile").read_bytes()}
    for version in missing:
        name = f"127.0.0.1:{settings.registry_port}/{REPOSITORY}:{version}"
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
