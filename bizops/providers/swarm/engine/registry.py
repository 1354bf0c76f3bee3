"""What a tag means right now: the engine asks the registry, with the credentials that the docker CLI would use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bizops import errors
from bizops.providers.swarm.compose import image_references

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bizops.providers.swarm.engine.client import Engine

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Resolved:
    """An image as it is to be written.

    `reference` has the digest where it could be found out; `problem` says why not. `platforms` are those that the
    image is built for, in the engine's form. `credentials` is the header for the registry, or "".
    """

    reference: str
    platforms: tuple[Mapping[str, str], ...] = ()
    credentials: str = field(default="", repr=False)
    problem: str = ""


def resolve(engine: Engine, references: Collection[str]) -> dict[str, Resolved]:
    """Ask for several images at once, each once. A failure is told in `problem` and never raised."""
    wanted = sorted(set(references))
    if not wanted:
        return {}
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(wanted))) as pool:
        return dict(zip(wanted, pool.map(lambda name: _resolve(engine, name), wanted), strict=True))


def _resolve(engine: Engine, reference: str) -> Resolved:
    credentials = ""
    try:
        image = image_references.parse(reference)
        credentials = engine.registry_header(image.registry)
        headers = {"X-Registry-Auth": credentials} if credentials else None
        answer = engine.ask("GET", f"/distribution/{reference}/json", headers=headers)
    except (errors.ProviderError, ValueError) as error:
        return Resolved(reference, credentials=credentials, problem=str(error))
    if not answer.is_ok:
        return Resolved(reference, credentials=credentials, problem=answer.message)
    digest = (answer.body.get("Descriptor") or {}).get("digest", "")
    pinned = image if image.digest or not digest else image._replace(digest=digest)
    return Resolved(str(pinned), _platforms(answer.body.get("Platforms") or ()), credentials)


def _platforms(raw: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, str], ...]:
    """Give the platforms as the docker CLI writes them.

    Attestations are left out, and so is the architecture of arm, whose variants the scheduler cannot tell apart
    (moby/swarmkit issue 2294).
    """
    found = {
        (
            item.get("os", ""),
            "" if item.get("architecture") == "arm" else item.get("architecture", ""),
        )
        for item in raw
        if "unknown" not in {item.get("os"), item.get("architecture")}
    }
    return tuple({"Architecture": arch, "OS": system} for system, arch in sorted(found))
