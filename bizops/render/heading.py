"""The lines above every plan: what was read, from which files, and from which systems."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bizops.render.style import Style, count_text, duration_text
from bizops.render.values import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bizops.change import System
    from bizops.resource import Source


@dataclass(frozen=True, slots=True)
class Reading:
    """What one system cost: how many objects were read, in how many seconds."""

    provider: str
    objects: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above a plan and is no part of it.

    `files` as the user named them, in the order in which they overlay each other. `origins` are pairs: a connection
    setting (`connections.rabbitmq.url`) and where its value comes from
    (`topology.yaml:4:14 connections.rabbitmq.url, from RABBITMQ_MANAGEMENT_URL`).
    """

    topology: str
    environment: str = ""
    files: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()
    origins: tuple[tuple[str, str], ...] = ()

    def reading(self, provider: str) -> Reading | None:
        """Give what is known of reading one system."""
        return next((found for found in self.readings if found.provider == provider), None)

    def source_text(self, source: Source | None) -> str:
        """Print a place in a file, relative to the folder of the first file, which the heading shows."""
        if source is None or source.derived:
            return str(source) if source else ""
        folder = posixpath.dirname(self.files[0]) if self.files else ""
        prefix = f"{folder}/" if folder else ""
        return f"{source.file.removeprefix(prefix)}:{source.line}"


def heading_lines(heading: Heading, systems: Sequence[System], style: Style) -> list[str]:
    """Print the topology, then one line for each system: address, version, identity, what was read."""
    name = style.paint(heading.topology, "bold")
    title = f"{name} on {heading.environment}" if heading.environment else name
    files = " + ".join(heading.files)
    lines = [f"{title}   {style.paint(files, 'dim')}".rstrip() if files else title]
    rows = [_row(system, heading, style) for system in systems]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False) if width]
        lines.append(f"  {'  '.join((*cells, row[4]))}".rstrip())
    return lines


def _row(system: System, heading: Heading, style: Style) -> tuple[str, str, str, str, str]:
    if system.problem:
        problem = style.paint(f"{style.glyph('✗')} not read: {printable(system.problem)}", "red")
        return (system.provider, printable(system.address), "", "", problem)
    identity = printable(system.identity)
    if system.expected:
        identity = f"{identity} {style.glyph('✓')}".lstrip()
    reading = heading.reading(system.provider)
    read = (
        f"{count_text(reading.objects, 'objects')} read in {duration_text(reading.seconds)}"
        if reading
        else ""
    )
    return (system.provider, printable(system.address), printable(system.version), identity, read)
