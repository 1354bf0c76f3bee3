"""Images: found in the engine, else pulled where a registry answers, else built on the spot."""

from __future__ import annotations

import fnmatch
import hashlib
import io
import re
import tarfile
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, DockerException, ImageNotFound

from stack.debian import PACKAGES, find_certificates
from stack.engine import connect
from stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from docker import DockerClient

    from stack.debian import RootFileSystems
    from stack.parts import Image
    from stack.report import Step
    from stack.state import State

OWN = "bizops-stack"
BASES = (f"{OWN}/base", f"{OWN}/debian")
BUILT_LABEL = "bizops.stack.image=built"
PROBE_SECONDS = 5
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CHUNK_BYTES = 1 << 20
BASE_DOCKERFILE = """\
ARG BASE
FROM ${BASE}
LABEL bizops.stack.image=built
COPY certificates/ /usr/local/share/ca-certificates/
RUN mkdir -p /usr/share/man/man1 && update-ca-certificates
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
CMD ["sh"]
"""


class Images:
    """Gives images by their description; knows, once asked, whether a registry answers.

    May be used from several threads. Built images have names of our own with a digest of
    their recipe as tag: a changed recipe is built anew, a half-built one has no tag, and a
    public name never means something that we made.
    """

    def __init__(self, client: DockerClient, state: State, debian: RootFileSystems) -> None:
        """Work on the engine behind ``client``, with logs in ``state``."""
        self._client = client
        self._debian = debian
        self._state = state
        self._probe_guard = threading.Lock()
        self._base_guards = {suite: threading.Lock() for suite in PACKAGES}
        self._has_registry: bool | None = None

    def ensure(self, image: Image, step: Step) -> str:
        """Give a name under which the engine has the image; raises StackError."""
        if self.has(image.reference):
            return image.reference
        certificates = _read_all(find_certificates())
        base = _tag(
            "base", {"suite": image.suite.encode(), "": BASE_DOCKERFILE.encode(), **certificates}
        )
        recipe = image.read_recipe()
        arguments = {"BASE": base, **image.arguments}
        name = base if not recipe else _tag(image.recipe, {**recipe, "": repr(arguments).encode()})
        if not image.is_pinned and self.has(name):
            return name
        if (image.is_pinned or self._registry_answers(image, step)) and self._pull(image, step):
            return image.reference
        self._ensure_base(image.suite, base, certificates, step)
        if recipe:
            step.note(f"building {name}")
            self.build(name, recipe, arguments, f"image-{image.recipe}-{image.suite}")
        return name

    def build(
        self, name: str, recipe: Mapping[str, bytes], arguments: dict[str, str], log: str
    ) -> None:
        """Build the files of a recipe as image ``name``; raises StackError with the log."""
        path = self._state.logs / f"{log}.log"
        # The classic builder, which every engine has; the host's network, since a resolver or
        # proxy of the host may listen on its loopback only.
        lines = self._client.api.build(
            fileobj=_tar(recipe),
            custom_context=True,
            tag=name,
            buildargs=arguments,
            network_mode="host",
            rm=True,
            forcerm=True,
            decode=True,
        )
        _follow(lines, path, f"build of {name}")

    def push(self, name: str) -> None:
        """Push an image to the registry in its name; raises StackError with the log."""
        lines = self._client.api.push(name, stream=True, decode=True)
        _follow(lines, self._state.logs / "push.log", f"push of {name}")

    def tag(self, name: str, other: str) -> None:
        """Give an image one more name, REPOSITORY:TAG, that may have been another's."""
        repository, _, tag = other.rpartition(":")
        self._client.images.get(name).tag(repository, tag)

    def remove_built(self, names: Iterable[str], step: Step) -> None:
        """Remove the images of our recipes, and those of the given names, `*` being any text; one in use stays."""
        wanted = (f"{OWN}/*", *names)
        all_tags = [tag for image in self._client.images.list() for tag in image.tags]
        tags = {tag for tag in all_tags for name in wanted if fnmatch.fnmatchcase(tag, name)}
        # The base images last: the engine keeps what others are built on.
        for tag in sorted(tags, key=lambda tag: (tag.startswith(BASES), tag)):
            if self.has(tag):
                step.note(f"removing {tag}")
                self._client.images.prune(filters={"dangling": True, "label": BUILT_LABEL})
                try:
                    self._client.images.remove(tag)
                except APIError as error:
                    step.report.say(f"images: {tag} stays: {error.explanation}")

    def has(self, name: str) -> bool:
        """Tell whether the engine has an image of this name."""
        try:
            self._client.images.get(name)
        except ImageNotFound:
            return False
        return True

    def _registry_answers(self, image: Image, step: Step) -> bool:
        """Ask the engine, which has the proxies and mirrors, whether it reaches a registry."""
        with self._probe_guard:
            if self._has_registry is None:
                step.note("asking whether an image registry answers")
                try:
                    with closing(connect(PROBE_SECONDS)) as client:
                        client.images.get_registry_data(image.reference)
                    self._has_registry = True
                except (DockerException, OSError):
                    self._has_registry = False
                    step.report.say("images: no registry answers; building from Debian's packages")
            return self._has_registry

    def _pull(self, image: Image, step: Step) -> bool:
        step.note(f"pulling {image.reference}")
        log = self._state.logs / f"pull-{image.recipe}.log"
        try:
            _follow(
                self._client.api.pull(image.reference, stream=True, decode=True),
                log,
                f"pull of {image.reference}",
            )
        except (APIError, StackError) as error:
            if image.is_pinned:
                message = (
                    f"images: {image.reference} is not in the engine and cannot be pulled: {error}"
                )
                raise StackError(message, "correct or unset that setting") from error
            step.report.say(f"images: {image.reference} cannot be pulled; building it instead")
            return False
        return True

    def _ensure_base(
        self, suite: str, base: str, certificates: dict[str, bytes], step: Step
    ) -> None:
        with self._base_guards[suite]:
            if self.has(base):
                return
            archive = self._debian.ensure(suite, step)
            step.note(f"importing Debian {suite}")
            bare = f"{OWN}/debian:{suite}"
            with archive.open("rb") as content:
                # An iterator, not the file: docker-py announces chunks, and requests sends
                # them as such only for what has no length.
                chunks = iter(lambda: content.read(CHUNK_BYTES), b"")
                self._client.api.import_image_from_stream(
                    chunks, repository=f"{OWN}/debian", tag=suite
                )
            context = {f"certificates/{name}": content for name, content in certificates.items()}
            context["certificates/"] = b""
            context["Dockerfile"] = BASE_DOCKERFILE.encode()
            self.build(base, context, {"BASE": bare}, f"image-base-{suite}")


def _read_all(paths: Iterable[Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(paths)}


def _tag(recipe: str, content: Mapping[str, bytes]) -> str:
    return f"{OWN}/{recipe}:{digest_of(content)}"


def digest_of(content: Mapping[str, bytes]) -> str:
    """Give a short digest of files by name, as the tag of what is made from them."""
    digest = hashlib.sha256()
    for name in sorted(content):
        digest.update(name.encode() + b"\0" + content[name] + b"\0")
    return digest.hexdigest()[:12]


def _tar(files: Mapping[str, bytes]) -> io.BytesIO:
    """Pack a build context; a name that ends in a slash is a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            if name.endswith("/"):
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry, io.BytesIO(content))
    buffer.seek(0)
    return buffer


def _follow(lines: Iterator[dict[str, Any]], log: Path, what: str) -> None:
    """Write the engine's stream of a build, pull or push to a log; raise on its error entry."""
    with log.open("w", encoding="utf-8") as output:
        for line in lines:
            if "stream" in line:
                output.write(COLOUR.sub("", line["stream"]))
            elif not line.get("progressDetail"):
                output.write(f"{line.get('error') or line.get('status') or ''}\n")
            if "error" in line:
                output.flush()
                message = f"images: {what} failed: {str(line['error']).splitlines()[0]}"
                raise StackError(message, "see the log; correct the cause; start again", log)
