"""What became of each part: one file a part, kept in the repository, the source of docs/compatibility.md."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

FOLDER = Path(__file__).parent / "results"
REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """A test, or another step, that failed, and why in one line."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of a part gave; `version` is what the server itself said, `commit` what was tested.

    `day` is that of the run, as YYYY-MM-DD; `seconds` are those of the whole part.
    """

    part: str
    commit: str
    day: str
    seconds: int
    version: str = ""
    passed: int = 0
    skipped: int = 0
    failures: tuple[Failure, ...] = ()

    @property
    def is_good(self) -> bool:
        """True where something passed and nothing failed."""
        return self.passed > 0 and not self.failures


def write(result: Result, folder: Path = FOLDER) -> None:
    """Keep a result; whole or not at all."""
    folder.mkdir(exist_ok=True)
    part = folder / f"{result.part}.json.part"
    part.write_text(json.dumps(asdict(result), indent=2) + "\n", encoding="utf-8")
    part.replace(folder / f"{result.part}.json")


def read(part: str, folder: Path = FOLDER) -> Result | None:
    """Give the last result of a part; None where it has never run."""
    try:
        found = json.loads((folder / f"{part}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Result(**{**found, "failures": tuple(Failure(**each) for each in found["failures"])})


def count(part: str, report: str) -> Result:
    """Read pytest's JUnit report: how many passed, failed and were skipped. No time, no commit yet."""
    outcomes: dict[str, Failure | bool] = {}
    for case in ET.fromstring(report).iter("testcase"):  # noqa: S314 - pytest's own, from this run
        name = f"{case.get('classname', '')}.{case.get('name', '')}".strip(".")
        faults = [*case.iter("failure"), *case.iter("error")]
        if faults:
            outcomes[name] = Failure(name, shorten(faults[0].get("message", "")))
        else:
            # A test whose teardown failed is there twice.
            outcomes.setdefault(name, case.find("skipped") is None)
    failures = tuple(outcome for outcome in outcomes.values() if isinstance(outcome, Failure))
    passed, skipped = (sum(o is wanted for o in outcomes.values()) for wanted in (True, False))
    return Result(part, "", "", 0, passed=passed, skipped=skipped, failures=failures)


def shorten(text: str) -> str:
    """Give the first of a text's lines that says something, cut to fit a table."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    return line if len(line) <= REASON_CHARACTERS else line[: REASON_CHARACTERS - 1] + "…"
