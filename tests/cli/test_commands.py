"""Exit codes, streams and words of every command, on a system in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import bizops
from bizops.cli import options
from bizops.cli.session import question

if TYPE_CHECKING:
    from tests.cli.conftest import Bench

COMMANDS = (
    "plan",
    "drift",
    "status",
    "validate",
    "apply",
    "destroy",
    "unlock",
    "schema",
    "version",
)
STRAY = {"own_stray": {"size": 9}}


@pytest.mark.parametrize("way", [("version",), ("--version",)])
def test_the_version_is_one_line(way: tuple[str, ...], bench: Bench) -> None:
    """Both spellings say the same."""
    found = bench.call(*way)
    assert (found.returncode, found.stdout, found.stderr) == (
        0,
        f"bizops {bizops.__version__}\n",
        "",
    )


def test_help_is_grouped_and_ends_with_examples_exit_codes_and_environment(bench: Bench) -> None:
    """The first page says what there is, three examples, and how it ends."""
    text = bench.call("--help").stdout
    titles = ["Look:", "Change:", "Adopt:", "Examples:", "Exit codes:", "Environment:"]
    places = [text.index(f"\n{title}") for title in titles]
    assert places == sorted(places)
    assert text[places[3] : places[4]].count("  bizops ") == 3
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert all(f"\n  {code}  " in text for code in (0, 1, 2, 3))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_three_examples(name: str, bench: Bench) -> None:
    """-h is --help, and both end with examples, exit codes and environment."""
    found = bench.call(name, "-h")
    assert found.returncode == 0
    assert found.stdout == bench.call(name, "--help").stdout
    examples = found.stdout.partition("\nExamples:\n")[2].partition("\n\n")[0]
    assert len(examples.splitlines()) == 3
    assert "Exit codes:" in found.stdout
    assert found.stdout.rstrip().endswith("COLUMNS")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("plan", "--nonsense"), "--nonsense"),
        (("nonsense",), "nonsense"),
        (("plan", "--timeout", "soon"), "soon"),
        (("plan", "--timeout", "0"), "0"),
        (("plan", "--parallelism", "0"), "0"),
        (("plan", "-o", "xml"), "xml"),
        (("plan", "surplus"), "surplus"),
        (("plan", "--target"), "--target"),
        (("apply", "--lock=perhaps"), "perhaps"),
        (("plan", "--target", "fake.thing/own_x"), "did you mean fake.thing/own_"),
        (("plan", "--target", "kafka.*"), "--target"),
        (("destroy", "-y"), "--confirm trial"),
        (("destroy", "-y", "--confirm", "other"), "--confirm trial"),
        (("unlock",), "lock"),
    ],
)
def test_a_usage_error_is_1_and_says_what_is_wrong(
    arguments: tuple[str, ...], words: str, bench: Bench
) -> None:
    """2 means differences and nothing else, so Click's exit code does not get through."""
    found = bench.call(*arguments)
    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr.startswith("error: ")
    assert words in found.stderr
    assert "Traceback" not in found.stderr


def test_no_command_shows_help_and_fails(bench: Bench) -> None:
    """A script that lost its command notices."""
    found = bench.call()
    assert found.returncode == 1
    assert found.stdout == ""
    assert "Examples:" in found.stderr


@pytest.mark.parametrize(
    ("live", "more", "codes"),
    [
        ("equal", {}, {"plan": 0, "plan --detailed-exitcode": 0, "drift": 0}),
        ("empty", {}, {"plan": 0, "plan --detailed-exitcode": 2, "drift": 2}),
        ("stray", {}, {"plan": 0, "plan --detailed-exitcode": 0, "drift": 2}),
        ("shrunk", {}, {"plan": 1, "plan --detailed-exitcode": 1, "drift": 2, "apply -y": 1}),
        (
            "equal",
            {"problem": "it is down"},
            {"plan": 3, "plan --detailed-exitcode": 3, "drift": 3, "apply -y": 3, "status": 3},
        ),
        ("equal", {"unread": ["own_b"]}, {"plan": 3, "drift": 3, "apply -y": 3, "validate": 0}),
        ("equal", {}, {"status": 0, "apply": 0, "apply -y": 0}),
        ("empty", {}, {"apply": 1, "destroy": 0, "destroy -y --confirm trial": 0}),
        ("empty", {"fails": {"own_b": ["no room"]}}, {"apply -y": 1}),
        (
            "equal",
            {"degraded": {"own_a": "0 of 1 runs"}},
            {"plan": 0, "drift": 2, "status": 2, "apply -y": 0},
        ),
        (
            "equal",
            {"degraded": {"own_a": "0 of 1 runs"}, "stuck": ["own_a"]},
            {
                "plan": 0,
                "drift": 2,
                "status": 2,
                "apply -y": 1,
                "apply -y --restart fake.thing/own_b": 1,
                "apply -y --restart fake.thing/own_a": 0,
            },
        ),
    ],
)
def test_exit_codes(
    live: str,
    more: dict[str, Any],
    codes: dict[str, int],
    bench: Bench,
    equal: dict[str, Any],
) -> None:
    """0 nothing to do, 1 refused or failed, 2 differences, 3 incomplete; 1 beats 3 beats 2."""
    things = {
        "equal": equal,
        "empty": {},
        "stray": equal | STRAY,
        "shrunk": equal | {"own_c": {"size": 30}},
    }[live]
    for arguments, code in codes.items():
        bench.live(things, **more)
        found = bench.call(*arguments.split())
        assert (arguments, found.returncode) == (arguments, code), found.stdout + found.stderr
        assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    "arguments", ["plan", "drift", "status", "validate", "apply -y", "version", "schema"]
)
@pytest.mark.parametrize("state", ["fine", "down", "faulty"])
def test_json_stands_alone_on_stdout_also_on_failure(
    arguments: str, state: str, bench: Bench
) -> None:
    """Every line of stdout is JSON; people's words go to stderr."""
    bench.live({}, **({"problem": "it is down"} if state == "down" else {}))
    if state == "faulty":
        (bench.folder / "bizops.yaml").write_text(
            "bizops: 1\nname: t\nfake: {things: {a: {siz: 1}}}\n"
        )
    found = bench.call(*arguments.split(), "-o", "json")
    lines = found.stdout.splitlines() if arguments != "schema" else [found.stdout]
    documents = [json.loads(line) for line in lines]
    assert documents
    if state == "faulty" and arguments not in {"version", "schema"}:
        assert documents[-1]["errored"] is True
        assert "size" in documents[-1]["error"]["faults"][0]
        assert found.returncode == 1


def test_a_usage_error_is_json_too_where_json_is_read(bench: Bench) -> None:
    """A program that asked for JSON gets nothing else."""
    for given, environ in ((("-o", "json"), {}), ((), {"BIZOPS_FORMAT": "json"})):
        found = bench.call("plan", "--nonsense", *given, **environ)
        assert json.loads(found.stdout)["error"]["type"] == "UsageError"
        assert found.returncode == 1


def test_apply_does_all_and_the_second_time_nothing(bench: Bench, equal: dict[str, Any]) -> None:
    """What is applied is what is declared, and a second apply has nothing to do."""
    first = bench.call("apply", "-y")
    assert first.returncode == 0
    assert bench.things() == equal
    assert "Plan: 3 to add, 0 to change, 0 to destroy." in first.stdout
    assert "Apply: 3 added, 0 changed, 0 destroyed, 0 failed, 0 skipped in " in first.stdout
    second = bench.call("apply", "-y")
    assert second.returncode == 0
    assert "No changes: trial matches the live systems." in second.stdout


def test_apply_as_json_prints_a_line_for_each_resource_and_a_summary(bench: Bench) -> None:
    """A program follows the outcomes, and people see the plan on stderr."""
    found = bench.call("apply", "-y", "-o", "json")
    *outcomes, summary = map(json.loads, found.stdout.splitlines())
    assert sorted(each["address"] for each in outcomes) == [
        f"fake.thing/own_{name}" for name in "abc"
    ]
    assert {each["status"] for each in outcomes} == {"applied"}
    assert summary["type"] == "summary"
    assert summary["added"] == 3
    assert "Plan: 3 to add" in found.stderr


def test_a_failure_leaves_the_rest_done_and_a_second_call_finishes(
    bench: Bench, equal: dict[str, Any]
) -> None:
    """Partial failure exits 1, names what is left, and the same command again completes it."""
    bench.live({}, fails={"own_b": ["no room"]})
    found = bench.call("apply", "-y")
    assert found.returncode == 1
    assert "no room" in found.stdout
    assert "Fix it and run the same command again: only fake.thing/own_b is left." in " ".join(
        found.stdout.split()
    )
    bench.live(bench.things())
    assert bench.call("apply", "-y").returncode == 0
    assert bench.things() == equal


def test_without_a_terminal_nothing_is_written_without_consent(bench: Bench) -> None:
    """A pipe that says yes is no terminal."""
    found = bench.call("apply", typed="yes\n")
    assert found.returncode == 1
    assert bench.things() == {}
    assert "--auto-approve" in found.stderr


def test_auto_approve_cannot_come_from_the_environment(bench: Bench) -> None:
    """Consent is given on the command line or at the terminal."""
    found = bench.call("apply", BIZOPS_AUTO_APPROVE="1")
    assert found.returncode == 1
    assert bench.things() == {}


@pytest.mark.parametrize(
    ("environ", "arguments", "shown"),
    [
        ({"BIZOPS_TARGET": "fake.thing/own_a"}, ("plan",), "Plan: 1 to add"),
        ({"BIZOPS_EXCLUDE": "*/own_a *_b"}, ("plan",), "Plan: 1 to add"),
        ({"BIZOPS_QUIET": "1"}, ("plan",), "Plan: 3 to add, 0 to change, 0 to destroy.\n"),
        ({"BIZOPS_FILE": "other.yaml"}, ("validate",), "other.yaml: valid, 1 resource"),
        ({"BIZOPS_ENVIRONMENT": "big"}, ("plan",), "on big"),
    ],
)
def test_options_come_from_the_environment_too(
    environ: dict[str, str], arguments: tuple[str, ...], shown: str, bench: Bench
) -> None:
    """BIZOPS_ and the option's name; lists are parted by spaces."""
    (bench.folder / "other.yaml").write_text("bizops: 1\nname: t\nfake: {things: {a: {size: 1}}}\n")
    (bench.folder / "env").mkdir()
    (bench.folder / "env" / "big.yaml").write_text("fake: {things: {own_a: {size: 7}}}\n")
    assert shown in bench.call(*arguments, **environ).stdout


def test_detailed_exitcode_and_partial_plans_say_so(bench: Bench) -> None:
    """A plan of a part never looks like a plan of the whole."""
    found = bench.call("plan", "--target", "*_a", "--detailed-exitcode")
    assert found.returncode == 2
    assert "partial plan" in found.stdout


@pytest.mark.parametrize("option", ["--adopt", "--allow-data-loss", "--refresh-images"])
@pytest.mark.parametrize(
    ("pattern", "near"),
    [
        ("fake.thing/onw_a", "; did you mean fake.thing/own_a?"),
        ("fake.thing/onw_*", "; did you mean fake.thing/own_"),
        ("kafka.*", ""),
    ],
)
def test_an_option_that_names_nothing_is_a_warning(
    option: str, pattern: str, near: str, bench: Bench, equal: dict[str, Any]
) -> None:
    """A typo is consent to nothing, and is told; what is live or declared can be named."""
    bench.live(equal | STRAY)
    text = f"{option} {pattern}: nothing that is declared or live has this address{near}"
    said = " ".join(bench.call("plan", option, pattern).stdout.split())
    assert said.count(text) == 1
    known = bench.call("plan", f"{option}=fake.thing/own_a", f"{option}=fake.thing/own_s*")
    assert "has this address" not in known.stdout


@pytest.mark.parametrize("option", ["--target", "--exclude"])
def test_a_pattern_beside_others_that_names_nothing_is_a_warning(
    option: str, bench: Bench, equal: dict[str, Any]
) -> None:
    """The other pattern makes a plan, so only a warning can say that this one left nothing out or in."""
    bench.live(equal)
    found = bench.call("plan", option, "fake.thing/own_a", option, "fake.thing/onw_*")
    assert f"{option} fake.thing/onw_*: nothing that is declared or live" in found.stdout


def test_prune_deletes_what_nobody_declares_and_only_then(
    bench: Bench, equal: dict[str, Any]
) -> None:
    """An unmanaged object is shown, and goes only with --prune."""
    bench.live(equal | STRAY)
    assert "? fake.thing/own_stray" in bench.call("apply", "-y").stdout
    assert "own_stray" in bench.things()
    assert bench.call("apply", "-y", "--prune").returncode == 0
    assert bench.things() == equal


def test_data_goes_only_where_its_address_is_named(bench: Bench, equal: dict[str, Any]) -> None:
    """The refusal shows the way out, and the way out works."""
    bench.live(equal | {"own_c": {"size": 30}})
    refused = bench.call("apply", "-y")
    assert refused.returncode == 1
    assert "--allow-data-loss fake.thing/own_c" in refused.stdout
    assert "so nothing was applied" in refused.stderr
    assert bench.call("apply", "-y", "--allow-data-loss", "fake.thing/own_c").returncode == 0
    assert bench.things() == equal


def test_destroy_wants_the_name_and_leaves_what_is_unmanaged(
    bench: Bench, equal: dict[str, Any]
) -> None:
    """--auto-approve alone destroys nothing; with the name, what is declared goes."""
    bench.live(equal | STRAY)
    assert bench.call("destroy", "-y").returncode == 1
    assert len(bench.things()) == 4
    found = bench.call("destroy", "-y", "--confirm", "trial")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "Destroy: 0 added, 0 changed, 3 destroyed" in found.stdout
    assert bench.things() == STRAY
    again = bench.call("destroy", "-y", "--confirm", "trial")
    assert "Destroy: nothing that trial declares is there" in again.stdout


def test_an_unread_system_is_an_error_with_a_way_on(bench: Bench) -> None:
    """Stderr says what was not compared; stdout says that the plan is incomplete."""
    bench.live({}, problem="it is down")
    found = bench.call("plan")
    assert "error: fake: it is down" in found.stderr
    assert "3 objects were not compared" in found.stderr
    assert "Plan: incomplete, cannot be applied." in found.stdout
    assert "to add" not in found.stdout.partition("Of what could be read")[0]


def test_faults_go_to_stderr_all_at_once(bench: Bench) -> None:
    """Validate names file, line, column and the near name of each fault."""
    (bench.folder / "bizops.yaml").write_text(
        "bizops: 1\nname: t\nfake:\n  things:\n    a: {siz: 1}\n    b: {shap: x}\n"
    )
    found = bench.call("validate")
    assert found.returncode == 1
    assert found.stdout == ""
    assert "bizops.yaml:5:" in found.stderr
    assert "bizops.yaml:6:" in found.stderr
    assert "2 faults in 1 file" in found.stderr


@pytest.mark.parametrize(
    ("environ", "arguments", "coloured"),
    [
        ({}, (), False),
        ({"FORCE_COLOR": "1"}, (), True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, (), False),
        ({"FORCE_COLOR": "1"}, ("--no-color",), False),
        ({"FORCE_COLOR": "1", "BIZOPS_NO_COLOR": "1"}, (), False),
    ],
)
def test_colour_only_where_it_is_wanted(
    environ: dict[str, str], arguments: tuple[str, ...], coloured: bool, bench: Bench
) -> None:
    """A pipe gets none unless it is forced; --no-color beats everything."""
    assert ("\x1b[" in bench.call("plan", *arguments, **environ).stdout) is coloured


def test_an_ascii_stream_gets_ascii(bench: Bench) -> None:
    """No encoding error, whatever the names hold."""
    found = bench.call("apply", "-y", PYTHONIOENCODING="ascii")
    assert found.returncode == 0
    assert found.stdout.isascii()


def test_a_defect_gives_no_traceback_unless_debug(bench: Bench) -> None:
    """What nobody foresaw amid a reading is a system that was not read (C2), and --debug shows where."""
    bench.state.write_text(json.dumps({"things": {}, "read_seconds": "soon"}))
    plain = bench.call("plan")
    assert plain.returncode == 3
    assert "Traceback" not in plain.stderr
    assert "TypeError" in plain.stderr
    assert "--debug" in plain.stderr
    assert "Traceback" in bench.call("plan", "--debug").stderr


def test_what_nobody_tries_again_is_an_error_with_its_way_out(
    bench: Bench, equal: dict[str, Any]
) -> None:
    """Nothing is left to write, and what is written does not run (S3)."""
    bench.live(equal, degraded={"own_a": "0 of 1 runs: exit 3"}, stuck=["own_a"])
    found = bench.call("apply", "-y")
    assert "* fake.thing/own_a" in found.stdout
    assert "0 of 1 runs: exit 3" in found.stdout
    assert "fake.thing/own_a does not run as declared" in found.stderr
    assert "bizops apply --restart fake.thing/own_a" in found.stderr


def test_a_lock_that_is_lost_is_an_error_that_quiet_does_not_hide(
    bench: Bench, equal: dict[str, Any]
) -> None:
    """Whoever reads a log of CI has nothing else to tell why the apply ended."""
    equal["own_a"]["size"] = 0
    bench.live(equal, loses_lock=True, settles={"own_a": 4})

    found = bench.call("apply", "-y", "-q")

    assert "error: stopped: the lock was lost to somebody@elsewhere:1" in found.stderr
    assert found.returncode == 1


@pytest.mark.parametrize("command", [options.Plan, options.Apply, options.Destroy])
def test_what_others_have_is_taken_by_every_command_that_says_so(
    command: type[options.Compare],
) -> None:
    """A refusal of `destroy` names it, too."""
    assert question(command(adopt=["fake.thing/*"])).choice.adopt == ("fake.thing/*",)
