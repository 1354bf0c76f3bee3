from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from docs.pages import ROOT, all_blocks

if TYPE_CHECKING:
    from pathlib import Path

DRIVER = """
import sys
import bizops.providers
import pytest
bizops.providers.__path__.append(sys.argv[1] + "/bizops/providers")
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", sys.argv[1], sys.argv[1] + "/tests"]))
"""
PLANNING = """
import sys
import bizops.providers
bizops.providers.__path__.append(sys.argv[1] + "/bizops/providers")
from pathlib import Path
from bizops import provider, topology
from bizops.provider import Options
found = topology.load([sys.argv[2]], variables={}, directory=Path(sys.argv[1]))
live = provider.definition("notes").connect(found.connections["notes"], None, Options())
for observed in live.observe(found.resources, found.scopes["notes"]).found:
    print(observed.address, observed.presence.value)
print("note_defaults" in topology.schema()["properties"]["notes"]["properties"])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write the files that the page shows, and nothing else."""
    for block in all_blocks():
        if block.mark == "file" and block.place.startswith("docs/adding-a-provider.md"):
            file = tmp_path / block.argument
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
    return tmp_path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *(str(argument) for argument in arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_provider_of_the_page_keeps_the_contract(folder: Path) -> None:
    """A reader who copies the three files has a provider that passes the whole contract suite."""
    result = run("-c", DRIVER, folder)

    assert result.returncode == 0, result.stdout + result.stderr
    assert "8 passed" in result.stdout


def test_the_topology_of_the_page_is_loaded_and_observed(folder: Path) -> None:
    """The new folder is all it takes: the loader, the observer and the JSON Schema know the provider by its name."""
    (block,) = [block for block in all_blocks() if block.argument == "notes"]
    (folder / "desk").mkdir()
    (folder / "desk" / "desk-poem.json").write_text('{"text": "", "paper": "A4"}')
    file = folder / "topology.yaml"
    file.write_text(block.text.replace("/tmp/desk", str(folder / "desk")))  # noqa: S108 - what the page says

    result = run("-c", PLANNING, folder, file)

    assert result.stdout.splitlines() == [
        "notes.note/desk-poem present",
        "notes.note/desk-shopping absent",
        "True",
    ], result.stderr


def test_the_code_of_the_page_is_formatted_as_ours(folder: Path) -> None:
    """The page shows code in the format that `make format` gives."""
    config = ("--config", str(ROOT / "pyproject.toml"))
    checked = run("-m", "ruff", "format", "--diff", *config, folder)

    assert checked.returncode == 0, checked.stdout
