"""How the code is laid out: folders that fit a screen, files that fit a head, and imports without a circle."""

from __future__ import annotations

import graphlib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("bizops", "workers")
FOLDERS = sorted({file.parent for package in PACKAGES for file in (ROOT / package).rglob("*.py")})
MODULES = 14


def test_no_import_is_part_of_a_circle() -> None:
    """Imports for the type checker count, too: who reads one module should need nothing but what is below it."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports = {
        name: graph.find_modules_directly_imported_by(name) - {name} for name in graph.modules
    }

    order = list(graphlib.TopologicalSorter(imports).static_order())

    assert "bizops.cli.app" in order
    assert "workers.cli.parsing" in order


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_no_folder_has_more_modules_than_fit_a_screen(folder: Path) -> None:
    modules = [file.name for file in folder.glob("*.py")]
    assert len(modules) <= MODULES, sorted(modules)
