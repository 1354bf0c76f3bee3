from __future__ import annotations

import os
from pathlib import Path

import pytest

from stack.engine import read_running


@pytest.mark.parametrize(
    ("content", "stat", "running"),
    [
        pytest.param("77\n", "77 (dockerd) S 1 77 77 0", 77, id="it runs"),
        pytest.param("77", "77 (dockerd) Z 1 77 77 0", None, id="dead, exit code not collected"),
        pytest.param("77", "77 (postgres) S 1 77 77 0", None, id="the number is another's now"),
        pytest.param("77", "77 (a (dockerd) x) S 1 77 0", None, id="a name with parentheses"),
        pytest.param("77", None, None, id="no such process"),
        pytest.param("", "77 (dockerd) S 1 77 77 0", None, id="an empty file"),
        pytest.param("seventy", "77 (dockerd) S 1 77", None, id="no number"),
        pytest.param(None, "77 (dockerd) S 1 77 77 0", None, id="no pid file"),
    ],
)
def test_a_pid_file_counts_only_while_its_process_is_that_daemon(
    tmp_path: Path, content: str | None, stat: str | None, running: int | None
) -> None:
    """A stale file may be removed, the file of a living dockerd never."""
    # Given a pid file and what the kernel says about process 77
    pid_file = tmp_path / "docker.pid"
    if content is not None:
        pid_file.write_text(content)
    if stat is not None:
        (tmp_path / "77").mkdir()
        (tmp_path / "77" / "stat").write_text(stat)
    # When it is read
    found = read_running(pid_file, "dockerd", tmp_path)
    # Then only a living process of that name counts
    assert found == running


def test_a_living_process_is_recognised_by_what_the_kernel_says(tmp_path: Path) -> None:
    """The reading fits the real /proc, not only made-up lines."""
    # Given a pid file that names this very process
    pid_file = tmp_path / "docker.pid"
    pid_file.write_text(str(os.getpid()))
    name = Path("/proc/self/comm").read_text().strip()
    # When it is read for this process's name, and for dockerd
    found = (read_running(pid_file, name), read_running(pid_file, "dockerd"))
    # Then only its own name counts
    assert found == (os.getpid(), None)
