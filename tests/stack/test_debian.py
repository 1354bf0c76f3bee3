from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from stack.debian import RootFileSystems
from stack.errors import StackError
from stack.report import Report
from stack.state import State

if TYPE_CHECKING:
    from pathlib import Path

# Writes its last argument, the tar file, and then ends with the exit code that the test wants.
BOOTSTRAP = (
    '#!/bin/sh\nfor last; do :; done\necho "$TMPDIR" > "$last"\necho broken mirror\nexit {code}\n'
)


def test_an_interrupted_bootstrap_does_not_count_and_the_next_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a root file system never becomes an image."""
    # Given a bootstrap that fails after it wrote half of its file, and litter of an earlier one
    state = State(tmp_path / "state")
    (state.cache / "debian-trixie" / "half").mkdir(parents=True)
    command = tmp_path / "bin" / "mmdebstrap"
    command.parent.mkdir()
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    command.write_text(BOOTSTRAP.format(code=1))
    command.chmod(0o755)
    report = Report()
    debian = RootFileSystems(state, report)
    # When it is asked for, and again after the cause is corrected
    with report.step("test", "done") as step:
        with pytest.raises(StackError) as caught:
            debian.ensure("trixie", step)
        is_there_after_failure = (state.cache / "debian-trixie.tar").exists()
        command.write_text(BOOTSTRAP.format(code=0))
        archive = debian.ensure("trixie", step)
    # Then only the whole one counts, nothing is left of the others, and the log says why
    assert not is_there_after_failure
    assert "broken mirror" in caught.value.render()
    assert sorted(path.name for path in state.cache.iterdir()) == ["debian-trixie.tar"]
    assert archive.read_text().strip() == str(state.cache / "debian-trixie")
