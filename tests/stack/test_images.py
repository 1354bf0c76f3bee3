from __future__ import annotations

import subprocess
import uuid
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from stack.debian import RootFileSystems
from stack.engine import connect
from stack.errors import StackError
from stack.images import Images
from stack.parts import Image
from stack.report import Report
from stack.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

PLACEHOLDER = "127.0.0.1:5000/bizops/placeholder:1"


@pytest.fixture
def reference() -> Iterator[str]:
    """The name of an image that a registry has and the engine has not."""
    name = f"127.0.0.1:5000/stack-test/{uuid.uuid4().hex}:1"
    for arguments in (
        ["pull", PLACEHOLDER],
        ["tag", PLACEHOLDER, name],
        ["push", name],
        ["rmi", name],
    ):
        subprocess.run(["docker", *arguments], check=True, capture_output=True)
    yield name
    subprocess.run(["docker", "rmi", name], check=False, capture_output=True)


def test_where_a_registry_answers_images_are_pulled(reference: str, tmp_path: Path) -> None:
    """Nobody waits for a build who need not."""
    # Given an image that a registry has, and a recipe of which nothing has been built yet
    state, report = State(tmp_path), Report()
    image = Image(reference=reference, recipe="redis", arguments={"TEST": reference})
    # When it is asked for
    with closing(connect()) as client, report.step("test", "done") as step:
        name = Images(client, state, RootFileSystems(state, report)).ensure(image, step)
        # Then it is the public one, and the engine has it
        assert name == reference
        assert client.images.get(reference).tags


def test_an_image_that_was_set_is_never_replaced_by_a_built_one(tmp_path: Path) -> None:
    """Whoever names an image gets that one or an error."""
    # Given a setting that names an image which is nowhere
    state, report = State(tmp_path), Report()
    reference = f"127.0.0.1:5000/stack-test/{uuid.uuid4().hex}:1"
    image = Image(reference=reference, recipe="redis", is_pinned=True)
    # When it is asked for
    with (
        closing(connect()) as client,
        report.step("test", "done") as step,
        pytest.raises(StackError) as caught,
    ):
        Images(client, state, RootFileSystems(state, report)).ensure(image, step)
    # Then the error names it
    assert reference in caught.value.message
