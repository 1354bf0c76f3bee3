"""What is done to the command line before it is understood."""

from __future__ import annotations

import pytest
import typer

from bizops.cli.app import completed, main, wants_json
from bizops.cli.options import patience, seconds


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["plan", "--refresh-images"], ["plan", "--refresh-images=*"]),
        (["plan", "--refresh-images", "-q"], ["plan", "--refresh-images=*", "-q"]),
        (["plan", "--refresh-images", "a"], ["plan", "--refresh-images", "a"]),
        (["plan", "--refresh-images=a"], ["plan", "--refresh-images=a"]),
        ([], []),
    ],
)
def test_refresh_images_without_an_address_means_all(given: list[str], made: list[str]) -> None:
    """No command takes a positional argument, so the next word is its value or another option."""
    assert completed(given) == made


@pytest.mark.parametrize(
    ("arguments", "environ", "wanted"),
    [
        (["plan", "-o", "json"], {}, True),
        (["plan", "-ojson"], {}, True),
        (["plan", "--format=json"], {}, True),
        (["plan", "--format", "json"], {}, True),
        (["plan", "-o", "text"], {"BIZOPS_FORMAT": "json"}, False),
        (["plan"], {"BIZOPS_FORMAT": "json"}, True),
        (["plan", "-o"], {}, False),
        ([], {}, False),
    ],
)
def test_a_wrong_command_line_still_tells_who_reads(
    arguments: list[str],
    environ: dict[str, str],
    wanted: bool,
) -> None:
    """The option beats the environment."""
    assert wants_json(arguments, environ) is wanted


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["plan", "a.yaml", "b.yml"], "bizops plan -f a.yaml -f b.yml"),
        (["plan", "a", "b"], "bizops plan --help"),
        (["plan", "--fiel", "a.yaml"], "bizops plan --help"),
        (["plan", "-target=kafka.*"], "--target=kafka.*"),
        (["apply", "-auto-approve"], "--auto-approve"),
        (["apply", "--dry-run"], "bizops plan"),
        (["plan", "-x"], "bizops plan --help"),
    ],
)
def test_c3_a_topology_without_its_option_is_told_with_it(
    words: list[str],
    remedy: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Those who come from tools that take files as arguments write it so at first."""
    monkeypatch.setattr("sys.argv", ["bizops", *words])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    assert capsys.readouterr().err.rstrip().endswith(remedy)


@pytest.mark.parametrize(
    ("text", "found"), [("30", 30), ("0.5", 0.5), ("500ms", 0.5), ("5m", 300), (10.0, 10)]
)
def test_seconds_take_units(text: str | float, found: float) -> None:
    """A bare number is seconds."""
    assert seconds(text) == found


@pytest.mark.parametrize(
    ("text", "found"), [("0", 0), ("0s", 0), ("0.0", 0), (20.0, 20), ("5m", 300)]
)
def test_only_patience_may_be_nothing(text: str | float, found: float) -> None:
    """Who does not want to wait for a lock says so with 0."""
    assert patience(text) == found


@pytest.mark.parametrize("text", ["", "soon", "0", "-1", "nan", "inf", "2d"])
def test_seconds_refuse_the_rest(text: str) -> None:
    """Nothing waits for ever, and nothing is not a time."""
    with pytest.raises(typer.BadParameter):
        seconds(text)
