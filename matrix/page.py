"""Writes docs/compatibility.md from the results and from the providers' tables of versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bizops import provider
from matrix.parts import PARTS
from matrix.results import read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bizops.provider import Versions
    from matrix.parts import Part
    from matrix.results import Result

PAGE = Path(__file__).parent.parent / "docs" / "compatibility.md"
TEMPLATE = Path(__file__).parent / "page.md"
TITLES = {"rabbitmq": "RabbitMQ", "kafka": "Kafka", "swarm": "Docker Swarm"}
HEAD = ("part", "version found", "result", "passed", "failed", "skipped", "minutes", "run")
NOT_RUN = "has not been run"


def page() -> str:
    """Give the whole page, from what is kept in the repository."""
    results = {part.name: result for part in PARTS if (result := read(part.name)) is not None}
    versions = {name: provider.definition(name).versions for name in TITLES}
    return render(PARTS, results, versions)


def render(
    parts: Sequence[Part], results: Mapping[str, Result], versions: Mapping[str, Versions]
) -> str:
    """Give the page of these parts, their results by name, and the tables by the system's name."""
    return TEMPLATE.read_text(encoding="utf-8").format(
        verdict=_verdict(parts, results),
        table=_table(parts, results),
        failures=_failures(parts, results),
        lacks="\n".join(_lacks(TITLES[name], found) for name, found in versions.items()).strip(),
    )


def _verdict(parts: Sequence[Part], results: Mapping[str, Result]) -> str:
    missing = [part.name for part in parts if part.name not in results]
    failed = [
        part.name for part in parts if part.name in results and not results[part.name].is_good
    ]
    said = [f"Failed: {', '.join(failed)}."] if failed else []
    said += [f"Not run yet: {', '.join(missing)}."] if missing else []
    return " ".join(said) or "Everything passed."


def _table(parts: Sequence[Part], results: Mapping[str, Result]) -> str:
    lines = [f"| {' | '.join(HEAD)} |", "|---|---|---|--:|--:|--:|--:|---|"]
    for part in parts:
        cells: tuple[str, ...] = ("", NOT_RUN, "", "", "", "", "")
        if (result := results.get(part.name)) is not None:
            numbers = (result.passed, len(result.failures), result.skipped)
            cells = (
                result.version or "unknown",
                "passed" if result.is_good else "**failed**",
                *map(str, numbers),
                f"{result.seconds / 60:.1f}",
                f"{result.day}, {result.commit}",
            )
        lines.append(f"| {part.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _failures(parts: Sequence[Part], results: Mapping[str, Result]) -> str:
    lines = [
        f"- {part.name}: `{failure.what}`: {_escape(failure.reason)}"
        for part in parts
        if part.name in results
        for failure in results[part.name].failures
    ]
    return "\n".join(lines) or "Nothing, in what was run."


def _lacks(title: str, versions: Versions) -> str:
    tried = ", ".join(f"{major}.{minor}" for major, minor in versions.tried)
    lines = [f"### {title}", "", f"Tried: {tried or 'no version is named yet'}.", ""]
    if versions.lacks:
        lines += ["| versions | what they lack, and what bizops does |", "|---|---|"]
        lines += [
            f"| {_range(lack.since, lack.until)} | {_escape(lack.what)} |"
            for lack in versions.lacks
        ]
        lines.append("")
    return "\n".join(lines)


def _range(since: tuple[int, int] | None, until: tuple[int, int] | None) -> str:
    ends = [f"from {since[0]}.{since[1]}"] if since else []
    ends += [f"before {until[0]}.{until[1]}"] if until else []
    return ", ".join(ends) or "all"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")
