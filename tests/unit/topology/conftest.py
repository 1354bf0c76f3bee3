"""Writes topology files and loads them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from bizops import errors, testing, topology

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bizops.topology import Topology

HEAD = "bizops: 1\nname: demo\n"


class Folder:
    """A folder with topology files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str, *, head: str = HEAD) -> None:
        """Write a file; it begins with `head`, which names the topology."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + textwrap.dedent(text), encoding="utf-8")

    def load(
        self, *files: str, variables: Mapping[str, str] | None = None, **options: Any
    ) -> Topology:
        """Load files; raises what `topology.load` raises."""
        return topology.load(files, variables=variables or {}, directory=self.path, **options)

    def faults(
        self, *files: str, variables: Mapping[str, str] | None = None, **options: Any
    ) -> str:
        """Load files that have faults, and give the faults as one text."""
        with pytest.raises(errors.TopologyError) as caught:
            self.load(*files, variables=variables, **options)
        return "\n".join(caught.value.faults)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """Give an empty folder; besides the real providers there is `fake` with its things."""
    with testing.installed(testing.fake_definition()):
        yield Folder(tmp_path)
