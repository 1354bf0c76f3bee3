"""What the workers' image is made of, and so when it is built anew."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from stack import worker_image
from stack.images import digest_of
from stack.worker_image import CHECKOUT, DOCKERFILE, read_recipe

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of what the image is made of, which the recipe is read from."""
    shutil.copytree(CHECKOUT / "workers", tmp_path / "workers")
    shutil.copy(CHECKOUT / DOCKERFILE, tmp_path)
    monkeypatch.setattr(worker_image, "CHECKOUT", tmp_path)
    return tmp_path


def test_the_recipe_holds_the_workers_and_no_leftovers(checkout: Path) -> None:
    (checkout / "workers" / "__pycache__").mkdir(exist_ok=True)
    (checkout / "workers" / "__pycache__" / "x.pyc").write_bytes(b"")
    (checkout / "README.md").write_text("not part of it")
    recipe = read_recipe()
    assert "workers/engine/crew.py" in recipe
    assert "workers/constraints.txt" in recipe
    assert recipe["Dockerfile"] == (CHECKOUT / DOCKERFILE).read_bytes()
    assert {name.partition("/")[0] for name in recipe} == {"workers", "Dockerfile"}
    assert not [name for name in recipe if "__pycache__" in name]


@pytest.mark.parametrize(
    "name", ["workers/protocol/task.py", "workers/constraints.txt", DOCKERFILE]
)
def test_a_change_of_any_of_its_files_is_a_new_tag(checkout: Path, name: str) -> None:
    before = digest_of(read_recipe())
    with (checkout / name).open("a") as file:
        file.write("\n")
    assert digest_of(read_recipe()) != before


def test_each_cut_has_its_reason() -> None:
    lines = (CHECKOUT / "workers" / "unloaded.txt").read_text().splitlines()
    cuts = [line for line in lines if line and not line.startswith("#")]
    assert len(cuts) > 10
    assert [line for line in cuts if not re.fullmatch(r"[\w.-]+/? # .+", line)] == []


def test_every_dependency_is_pinned_with_hashes_and_names_no_index() -> None:
    text = (CHECKOUT / "workers" / "constraints.txt").read_text()
    pins = re.findall(r"^[\w.-]+==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^\w", text, re.MULTILINE)) > 100
    assert "://" not in text
    assert "litellm" not in text
    assert "crewai-tools" not in text
