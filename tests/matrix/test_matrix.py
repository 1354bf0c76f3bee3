"""What the matrix runs, what it keeps of a run, and the page that it writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import matrix.__main__ as command
import matrix.run as running
from bizops.provider import Lack, Versions
from matrix.page import PAGE, page, render
from matrix.parts import PARTS, Part, choose
from matrix.results import Failure, Result, count, read, shorten, write
from matrix.run import run_suites
from matrix.servers import Opened
from stack.nodes.trees import SUITES
from stack.parts import plan_parts
from stack.settings import load_settings

ROOT = Path(__file__).parents[2]
GOOD = Result("kafka-4.0", "0123abcde", "2026-01-31", 125, "4.0.0", passed=40, skipped=2)
BAD = replace(
    GOOD, part="kafka-3.9", version="3.9.1", failures=(Failure("tests.a.test_b", "KeyError: a|b"),)
)
REPORT = """<testsuites><testsuite>
<testcase classname="tests.a" name="test_passes"/>
<testcase classname="tests.a" name="test_is_skipped"><skipped message="no such thing"/></testcase>
<testcase classname="tests.a" name="test_fails"><failure message="assert 1 == 2&#10;  +1">long</failure></testcase>
<testcase classname="tests.a" name="test_ends_badly"/>
<testcase classname="tests.a" name="test_ends_badly"><error message="left behind"/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_each_part_names_suites_servers_and_versions_that_there_are(part: Part) -> None:
    settings = {f"BIZOPS_STACK_{k.upper()}": v for k, v in (part.settings or {}).items()}

    plan_parts(load_settings(settings), (), part.servers)

    assert part.suites
    assert all((ROOT / suite).exists() for suite in part.suites)
    assert bool(part.servers) != bool(part.engine)
    assert not part.engine or (part.engine in SUITES and part.nodes)


def test_parts_have_names_of_their_own() -> None:
    assert len({part.name for part in PARTS}) == len(PARTS)


def test_parts_are_chosen_by_names_and_globs_in_the_matrix_own_order() -> None:
    names = [part.name for part in choose("redis-8, kafka-*")]

    assert names == ["kafka-3.9", "kafka-4.0", "kafka-4.3", "redis-8"]
    assert choose("") == list(PARTS)
    with pytest.raises(
        ValueError, match=r"no part is called rabbit-4; the parts are rabbitmq-3\.10"
    ):
        choose("redis-8 rabbit-4")


def test_a_report_is_counted_once_for_each_test() -> None:
    found = count("redis-8", REPORT)

    assert (found.passed, found.skipped) == (1, 1)
    assert found.failures == (
        Failure("tests.a.test_fails", "assert 1 == 2"),
        Failure("tests.a.test_ends_badly", "left behind"),
    )


def test_a_part_in_which_nothing_passed_is_not_good() -> None:
    assert GOOD.is_good
    assert not BAD.is_good
    assert not replace(GOOD, passed=0).is_good


def test_a_reason_is_one_line_that_fits() -> None:
    assert shorten("\n  first\nsecond") == "first"
    assert shorten("") == "no reason given"
    assert len(shorten("x" * 999)) == 300


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(BAD, tmp_path)

    assert read("kafka-3.9", tmp_path) == BAD
    assert read("kafka-4.0", tmp_path) is None


def test_the_page_tells_what_passed_what_failed_and_what_was_not_run() -> None:
    parts = choose("kafka-*")
    lacks = (Lack("It has no a|b.", since=(4, 0)), Lack("Slow.", (3, 9), (4, 2)), Lack("Both."))
    none = Versions()
    versions = {"rabbitmq": none, "kafka": Versions(((3, 9), (4, 3)), lacks), "swarm": none}

    text = render(parts, {"kafka-4.0": GOOD, "kafka-3.9": BAD}, versions)

    assert "Failed: kafka-3.9. Not run yet: kafka-4.3." in text
    assert "| kafka-4.0 | 4.0.0 | passed | 40 | 0 | 2 | 2.1 | 2026-01-31, 0123abcde |" in text
    assert "| kafka-3.9 | 3.9.1 | **failed** | 40 | 1 | 2 |" in text
    assert "| kafka-4.3 |  | has not been run |" in text
    assert "- kafka-3.9: `tests.a.test_b`: KeyError: a\\|b" in text
    assert "Tried: 3.9, 4.3." in text
    assert "| from 4.0 | It has no a\\|b. |" in text
    assert "| from 3.9, before 4.2 | Slow. |" in text
    assert "| all | Both. |" in text


def test_the_page_in_the_documents_is_what_the_command_writes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "make docs"


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        ([], ["kafka-3.9", "kafka-4.3"]),
        (["--fresh"], ["kafka-3.9", "kafka-4.0", "kafka-4.3"]),
        (["--only", "kafka-4.0"], ["kafka-4.0"]),
        (["--only", "kafka-4.*"], ["kafka-4.0", "kafka-4.3"]),
        (["--page"], []),
    ],
)
def test_what_has_passed_is_not_run_again_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], runs: list[str]
) -> None:
    """And a part that fails leaves the others to run; the command says 1 then."""
    ran: list[str] = []
    known = {"kafka-4.0": GOOD, "kafka-3.9": BAD}

    def run(part: Part, commit: str, _logs: Path) -> Result:
        ran.append(part.name)
        return replace(GOOD if part.name != "kafka-3.9" else BAD, part=part.name, commit=commit)

    monkeypatch.setattr(command, "choose", lambda names: choose(names or "kafka-*"))
    monkeypatch.setattr(command, "read", known.get)
    monkeypatch.setattr(command, "run", run)
    monkeypatch.setattr(command, "write", lambda _: None)
    monkeypatch.setattr(command, "_write_page", lambda: None)

    code = command.main(arguments)

    assert ran == runs
    assert code == ("kafka-3.9" in runs)


@pytest.mark.parametrize(
    ("code", "ends"),
    [(0, True), (1, True), (2, False), (124, False)],
)
@pytest.mark.parametrize("struck", ["not disruptive", "disruptive"])
def test_suites_that_were_cut_short_are_a_failure_whatever_has_passed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, struck: str, code: int, ends: bool
) -> None:
    def call(command: list[str], *_rest: object) -> int:
        passed = '<testsuites><testcase classname="tests.a" name="test_b"/></testsuites>'
        named = next(word for word in command if word.startswith("--junit-xml="))
        Path(named.partition("=")[2]).write_text(passed)
        return code if f"{struck} and not cluster" in command else 0

    monkeypatch.setattr(running, "_call", call)

    found = run_suites(choose("redis-8")[0], Opened("8.0.2", {}), tmp_path)

    assert found.passed == 2
    assert found.is_good == ends


@pytest.mark.parametrize(("struck", "ends"), [("not disruptive", False), ("disruptive", True)])
def test_a_part_may_have_no_disruptive_test_and_has_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, struck: str, ends: bool
) -> None:
    def call(command: list[str], *_rest: object) -> int:
        is_struck = f"{struck} and not cluster" in command
        case = "" if is_struck else '<testcase classname="tests.a" name="test_b"/>'
        named = next(word for word in command if word.startswith("--junit-xml="))
        Path(named.partition("=")[2]).write_text(f"<testsuites>{case}</testsuites>")
        return 5 if is_struck else 0

    monkeypatch.setattr(running, "_call", call)

    assert run_suites(choose("redis-8")[0], Opened("8.0.2", {}), tmp_path).is_good == ends


def test_suites_without_a_report_are_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Even where an earlier run has left one."""
    (tmp_path / "redis-8-disruptive.xml").write_text(REPORT)
    monkeypatch.setattr(running, "_call", lambda *_: 4)

    found = run_suites(choose("redis-8")[0], Opened("8.0.2", {}), tmp_path)

    assert found.failures == (Failure("pytest", "pytest ended with 4 and without a report"),) * 2
