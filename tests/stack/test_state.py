from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from stack.errors import StackError
from stack.state import Record, State, open_state

if TYPE_CHECKING:
    from pathlib import Path


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """What the stack made is known to the next call, so it can be undone."""
    # Given a record
    record = Record(packages=("docker.io",), engine="dockerd", pid=7, swarm="abc")
    # When one state writes it and another reads it
    State(tmp_path).write(record)
    # Then it is the same
    assert State(tmp_path).record == record


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"packages": 3}', '{"unknown": 1, "packages": []}']
)
def test_a_damaged_record_undoes_nothing(tmp_path: Path, content: str) -> None:
    """When in doubt the stack made nothing, and leaves everything alone."""
    # Given a record file with something else in it
    state = State(tmp_path)
    (tmp_path / "record.json").write_text(content)
    # When it is read
    # Then it is empty
    assert state.record == Record()


def test_two_calls_at_once_do_not_run_beside_each_other(tmp_path: Path) -> None:
    """Two clones share one stack."""
    # Given a call that holds the lock
    order: list[str] = []
    waiting = threading.Event()

    def wait_for(pid: str) -> None:
        order.append(f"waits for {pid}")
        waiting.set()

    def second() -> None:
        with State(tmp_path).lock(wait_for):
            order.append("second")

    with State(tmp_path).lock(lambda _: order.append("never")):
        thread = threading.Thread(target=second)
        # When another one begins
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(10)
    # Then it says for whom it waits, and comes after it
    assert order[0].startswith("waits for ")
    assert order[1:] == ["first", "second"]


def test_the_state_follows_xdg_state_home(tmp_path: Path) -> None:
    """The state lives where the user keeps state, outside every clone."""
    # Given a state home
    # When the state is opened
    state = open_state({"XDG_STATE_HOME": str(tmp_path)})
    # Then it is a folder of ours in there
    assert state.root == tmp_path / "bizops-stack"
    assert state.logs.is_dir()


def test_a_state_home_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    """A full or foreign home is no traceback."""
    # Given a file where the folder should be
    (tmp_path / "bizops-stack").write_text("")
    # When the state is opened
    with pytest.raises(StackError) as caught:
        open_state({"XDG_STATE_HOME": str(tmp_path)})
    # Then the remedy names the variable
    assert "XDG_STATE_HOME" in caught.value.remedy
