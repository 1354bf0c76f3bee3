"""The image of the agent workers: built from this checkout, under a digest of what it is made of."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bizops import __version__
from stack.images import digest_of
from stack.parts import base_image

if TYPE_CHECKING:
    from stack.images import Images
    from stack.report import Step
    from stack.settings import Settings

CHECKOUT = Path(__file__).parent.parent
DOCKERFILE = "Dockerfile.workers"
NAME = "agent-workers"
REPOSITORY = f"bizops/{NAME}"


def local_registry(settings: Settings) -> str:
    """Give where the stack's own registry keeps the image."""
    return f"127.0.0.1:{settings.registry_port}/bizops"


def worker_names(settings: Settings) -> tuple[str, ...]:
    """Give patterns for all names that the image ever had here."""
    return (f"{REPOSITORY}:*", f"{local_registry(settings)}/{NAME}:*")


def ensure_worker_image(settings: Settings, images: Images, step: Step) -> str:
    """Give the image's name, building it where this checkout differs from all that was built; raises StackError.

    The same image then also has the names under which the local registry knows it, that with the tag `latest` too.
    """
    base = images.ensure(base_image(settings), step)
    recipe = read_recipe()
    tag = digest_of({**recipe, "": base.encode()})
    name = f"{REPOSITORY}:{tag}"
    if not images.has(name):
        step.note(f"building {name}")
        arguments = {"BASE": base, "VERSION": __version__, **_describe_source()}
        images.build(name, recipe, arguments, f"image-{NAME}")
    for other in _names(local_registry(settings), tag):
        images.tag(name, other)
    return name


def push_worker_image(
    settings: Settings, images: Images, registry: str, step: Step
) -> tuple[str, ...]:
    """Push the image as `<registry>/agent-workers`, building it where needed; gives its names there.

    Raises StackError, with the registry's own words in the log.
    """
    name = ensure_worker_image(settings, images, step)
    names = _names(registry, name.rpartition(":")[2])
    for other in names:
        step.note(f"pushing {other}")
        images.tag(name, other)
        images.push(other)
    return names


def read_recipe() -> dict[str, bytes]:
    """Give the files that the image is made of, by their paths in the build, as `.dockerignore` leaves them."""
    paths = [path for path in (CHECKOUT / "workers").rglob("*") if path.is_file()]
    wanted = (path for path in paths if "__pycache__" not in path.parts)
    recipe = {str(path.relative_to(CHECKOUT)): path.read_bytes() for path in wanted}
    return recipe | {"Dockerfile": (CHECKOUT / DOCKERFILE).read_bytes()}


def _names(registry: str, tag: str) -> tuple[str, ...]:
    return (f"{registry}/{NAME}:{tag}", f"{registry}/{NAME}:latest")


def _describe_source() -> dict[str, str]:
    """Give the commit, and where it comes from as far as others can go there; without the password in such an URL."""
    source = urlsplit(_git("config", "--get", "remote.origin.url"))
    is_public = source.scheme == "https" and source.hostname
    url = f"https://{source.hostname}{source.path}" if is_public else ""
    return {"REVISION": _git("rev-parse", "HEAD"), "SOURCE": url}


def _git(*arguments: str) -> str:
    """Ask git; an archive of the sources has none, and needs none."""
    try:
        done = subprocess.run(
            ["git", "-C", str(CHECKOUT), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
