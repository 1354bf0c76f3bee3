from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from typer.main import get_command

from bizops import errors, topology
from bizops.cli.app import app
from docs import reference, session
from docs.pages import ROOT, Block, all_blocks, anchors, links, pages

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCKS = all_blocks()
PAGES = pages()
VARIABLES = dict.fromkeys(
    ("SHOP_RABBITMQ_PASS", "RABBITMQ_PASS", "KAFKA_PASSWORD"), "made-up-value"
)


def named(block: Block) -> str:
    return block.place


def with_mark(*marks: str) -> list[Block]:
    return [block for block in BLOCKS if block.mark in marks]


# The provider of the notes exists on its page only, and is tested with it.
TOPOLOGIES = [block for block in with_mark("topology", "part") if block.argument != "notes"]


def written(block: Block, folder: Path) -> Path:
    """Write a topology, or a part of one under a minimal head, and give the file."""
    head = "" if block.text.startswith("bizops:") else "bizops: 1\nname: docs-example\n"
    file = folder / "bizops.yaml"
    file.write_text(head + block.text)
    return file


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link names a file that exists, and a heading in it where it names one."""
    broken = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_every_example_says_what_it_is() -> None:
    """No YAML and no session stands in a page without a mark, so none goes unchecked."""
    assert [
        block.place for block in BLOCKS if block.language in {"yaml", "console"} and not block.mark
    ] == []


@pytest.mark.parametrize("block", [*TOPOLOGIES, *with_mark("example")], ids=named)
def test_every_topology_is_loaded_without_a_warning(block: Block, tmp_path: Path) -> None:
    """An example that a reader copies has no faults, and nothing that bizops would warn of."""
    file = written(block, tmp_path)

    try:
        found = topology.load([str(file)], variables=VARIABLES, directory=tmp_path)
    except errors.TopologyError as error:
        pytest.fail("\n".join(error.faults))

    assert found.resources
    assert found.warnings == ()


@pytest.mark.integration
@pytest.mark.parametrize("block", TOPOLOGIES, ids=named)
def test_every_topology_is_planned_against_the_real_servers(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An example that a reader copies can be planned on the stack: complete, and nothing refused."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    written(block, tmp_path)
    plan = Block(block.place, "console", "run", "", "$ bizops plan\n")

    ((_, went),) = session.play(plan, tmp_path)

    assert went.code == 0, "\n".join(went.output)
    assert "Plan: " in went.output[-1]


def scenes(page: Path, *, offline: bool) -> list[Block]:
    """Give the sessions of a page, with the files that they start from."""
    place = str(page.relative_to(ROOT))
    found = [block for block in with_mark("file", "run") if block.place.startswith(f"{place}:")]
    runs = [block for block in found if block.mark == "run"]
    if not runs or (runs[0].argument == "offline") is not offline:
        return []
    return found


def play(page: Path, folder: Path, *, offline: bool) -> None:
    """Run the sessions of a page in order; rewrite the page where golden files are rewritten."""
    differences = []
    for block in scenes(page, offline=offline):
        if block.mark == "file":
            (folder / block.argument).write_text(block.text)
            continue
        pairs = list(session.play(block, folder))
        is_rewritten = os.environ.get("BIZOPS_GOLDEN") == "write"
        if is_rewritten:
            page.write_text(session.rewritten(page.read_text(), block, pairs))
        differences += [
            f"{block.place}: $ {went.line}\nexit {went.code}\n" + "\n".join(went.output)
            for shown, went in pairs
            if went.code != shown.code
            or not (is_rewritten or session.is_same(shown.output, went.output))
        ]

    for block in with_mark("from") if os.environ.get("BIZOPS_GOLDEN") == "write" else ():
        copy = ROOT / block.place.partition(":")[0]
        copy.write_text(copy.read_text().replace(block.text, original(block).text, 1))
    assert not differences, "\n\n".join(differences)


def original(copy: Block) -> Block:
    """Give the session of the other page that begins with the same line."""
    first = copy.text.splitlines()[0]
    (found,) = [
        block
        for block in all_blocks()
        if block.mark == "run"
        and block.place.startswith(f"{copy.argument}:")
        and block.text.startswith(f"{first}\n")
    ]
    return found


@pytest.mark.parametrize(
    "page", [page for page in PAGES if scenes(page, offline=True)], ids=lambda page: page.name
)
def test_offline_sessions_print_what_the_page_shows_golden(page: Path, tmp_path: Path) -> None:
    """Every command that asks no system prints, and exits with, what the page says."""
    play(page, tmp_path, offline=True)


def clean(page: Path, folder: Path) -> None:
    """Take away what a session of the page left on the servers, also one that was killed."""
    for block in scenes(page, offline=False):
        if block.argument == "bizops.yaml":
            (folder / block.argument).write_text(block.text)
            name = yaml.safe_load(block.text)["name"]
            line = f"bizops destroy -y --confirm {name} --prune --allow-data-loss '*'"
            list(session.play(Block("cleaning", "console", "run", "", f"$ {line}\n"), folder))


@contextlib.contextmanager
def alone(page: Path) -> Iterator[None]:
    """Let no other run of these tests play the same sessions at the same time: their names are fixed."""
    with (Path(tempfile.gettempdir()) / f"bizops-docs-{page.stem}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.integration
@pytest.mark.parametrize(
    "page", [page for page in PAGES if scenes(page, offline=False)], ids=lambda page: page.name
)
def test_sessions_print_what_the_page_shows_golden(page: Path, tmp_path: Path) -> None:
    """Every command of a page's story prints, and exits with, what the page says, on the real servers."""
    with alone(page):
        clean(page, tmp_path)
        try:
            play(page, tmp_path, offline=False)
        finally:
            clean(page, tmp_path)


@pytest.mark.parametrize("block", with_mark("from"), ids=named)
def test_a_copied_session_is_what_the_other_page_shows(block: Block) -> None:
    """What a page shows of another page's session is shown there too, where it is run."""
    assert block.text == original(block).text


@pytest.mark.parametrize("block", with_mark("ci"), ids=named)
def test_every_pipeline_is_yaml(block: Block) -> None:
    """A pipeline that a reader copies is at least YAML with something in it."""
    assert isinstance(yaml.safe_load(block.text), dict)


def test_every_bizops_command_that_is_shown_exists_with_its_options() -> None:
    """No page shows a command or an option that bizops does not have."""
    group = get_command(app)
    known = {
        name: {flag for option in command.params for flag in (*option.opts, "--help")}
        for name, command in group.commands.items()  # type: ignore[attr-defined]
    }
    wrong, seen = [], 0
    for place, words in invocations():
        seen += 1
        options = {
            word.partition("=")[0] for word in words[1:] if word.startswith("-") and word != "-"
        }
        if words[0] not in known or not options <= known[words[0]]:
            wrong.append(f"{place}: bizops {' '.join(words)}")

    assert seen
    assert wrong == []


def invocations() -> Iterator[tuple[str, list[str]]]:
    """Give the words after `bizops` of each command that stands in a fenced block or in backticks."""
    for block in BLOCKS:
        if block.mark == "ci" or block.language in {"console", "sh"}:
            for line in block.text.splitlines():
                yield from ((block.place, words) for words in calls(line.removeprefix("$ ")))
    for page in PAGES:
        for text in re.findall(r"`(bizops [a-z][^`\n]*)`", page.read_text()):
            yield from ((page.name, words) for words in calls(text))


def calls(line: str) -> Iterator[list[str]]:
    """Give the words of each bizops command of a line, up to a pipe or a redirection."""
    for found in re.finditer(r"(?:^|[\s;|&])bizops ([a-z][^|>&#]*)", line):
        yield shlex.split(found[1])


def test_the_topology_reference_is_what_the_models_say() -> None:
    """`make docs` was run after the last change of a model."""
    assert reference.PAGE.read_text() == reference.reference()


def test_the_page_of_the_workers_has_every_setting_as_it_is() -> None:
    """`make docs` writes them."""
    page = reference.WORKERS.read_text()

    assert page == reference.with_settings(page)
