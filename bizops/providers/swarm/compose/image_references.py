"""Image references: their parts and their familiar form; pure.

`nginx`, `docker.io/library/nginx` and `nginx:latest` are one image (distribution/reference, `familiar names`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:\[[0-9A-Fa-f:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::\d+)?"
_REFERENCE = re.compile(
    rf"(?P<repository>(?:{_HOST}/)?{_NAME}(?:/{_NAME})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?\Z"
)
_DEFAULT_HOSTS = ("docker.io/", "index.docker.io/")


class Image(NamedTuple):
    """A reference in familiar form. `tag` is "" only where a digest stands alone."""

    repository: str
    tag: str
    digest: str

    def __str__(self) -> str:
        """Print as `repository:tag@digest`, without what is empty."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"

    @property
    def tagged(self) -> Image:
        """The same image without its digest."""
        return self._replace(tag=self.tag or "latest", digest="")

    @property
    def registry(self) -> str:
        """The host that serves it: `docker.io` where none is named."""
        host, slash, _ = self.repository.partition("/")
        is_host = slash and ("." in host or ":" in host or host == "localhost")
        return host if is_host else "docker.io"


def parse(reference: str) -> Image:
    """Take a reference apart; raises ValueError where it is none."""
    found = _REFERENCE.match(reference.strip())
    if not found:
        message = f"{reference!r} is not an image reference: write repository:tag or repository@sha256:..."
        raise ValueError(message)
    repository = found["repository"]
    for host in _DEFAULT_HOSTS:
        repository = repository.removeprefix(host)
    repository = repository.removeprefix("library/")
    digest = found["digest"] or ""
    return Image(repository, found["tag"] or ("" if digest else "latest"), digest)


def familiar(reference: str) -> str:
    """Give the familiar form; what is no reference stays as it is, for it may come from a live service."""
    try:
        return str(parse(reference))
    except ValueError:
        return reference


def without_digest(reference: str) -> str:
    """Give the familiar form as `repository:tag`; one that has a digest and no tag keeps its digest."""
    try:
        image = parse(reference)
    except ValueError:
        return reference
    return str(image.tagged if image.tag else image)
