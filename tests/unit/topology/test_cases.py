"""Every faulty file in `cases/` beside the text that it must give."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bizops import errors, topology

CASES = Path(__file__).with_name("cases")
VARIABLES = {"EMPTY": "", "FIVE_HUNDRED": "many"}
SECRET = "hunter22"


def _cases() -> list[Path]:
    return sorted(path for path in CASES.iterdir() if path.suffix != ".txt")


@pytest.mark.parametrize("case", _cases(), ids=lambda path: path.stem)
def test_each_faulty_file_gives_its_golden_text(case: Path) -> None:
    """All faults of a file are reported at once, with their places, and no secret with them."""
    # Given the text that stands beside the case
    golden = case.with_suffix(".txt")

    # When it is loaded
    with pytest.raises(errors.TopologyError) as caught:
        topology.load([case.name], variables=VARIABLES, directory=CASES)

    # Then the faults are that text, to the letter
    given = "\n".join([*caught.value.faults, str(caught.value), ""])
    if os.environ.get("BIZOPS_GOLDEN") == "write":
        golden.write_text(given, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == given
    assert SECRET not in given


def test_every_golden_text_belongs_to_a_case() -> None:
    """A text whose case is gone would promise what nothing checks."""
    assert {case.stem for case in _cases()} == {path.stem for path in CASES.glob("*.txt")}
