"""Which files are read, which cannot be, and where variables come from."""

from __future__ import annotations

import contextlib
import io
import os
import resource as system
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

EMPTY = "fake: {}\n"


def test_without_files_the_variable_the_file_and_the_folder_are_tried_in_turn(
    folder: Folder,
) -> None:
    """$BIZOPS_FILE wins over ./bizops.yaml, and that over ./topology/."""
    assert "neither bizops.yaml nor a folder topology/" in folder.faults()
    folder.write("topology/a.yaml", EMPTY)
    assert folder.load().files == ("topology/a.yaml",)
    folder.write("bizops.yaml", EMPTY)
    assert folder.load().files == ("bizops.yaml",)
    folder.write("other.yaml", EMPTY)
    assert folder.load(variables={"BIZOPS_FILE": "other.yaml"}).files == ("other.yaml",)


def test_a_dash_reads_standard_input(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generated topology needs no file."""

    class Stdin:
        buffer = io.BytesIO(b"bizops: 1\nname: demo\nfake: {things: {a: {sise: 1}}}\n")

    monkeypatch.setattr(sys, "stdin", Stdin)

    assert folder.faults("-").startswith("<stdin>:3:21: fake.thing/a: sise: unknown key")


def test_a_missing_file_is_named_with_its_nearest_neighbour(folder: Folder) -> None:
    """A typing error in a file name is one as in a key."""
    folder.write("topology/bizosaas.yaml", EMPTY)

    assert folder.faults("topology/bizosas.yaml") == (
        "topology/bizosas.yaml: no such file\n  did you mean bizosaas.yaml?"
    )


def test_a_directory_without_yaml_is_a_fault(folder: Folder) -> None:
    """So is a directory that is named like a file."""
    (folder.path / "bizops.yaml").mkdir()

    assert folder.faults().startswith("bizops.yaml: no .yaml file in this directory")


@contextlib.contextmanager
def _as_an_ordinary_user() -> Iterator[None]:
    """Root may read everything, so it becomes nobody meanwhile."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


def test_what_may_not_be_read_is_a_fault() -> None:
    """The reason stands in the fault, for a file, a directory, and what lies in one."""
    with tempfile.TemporaryDirectory() as name:
        made = Folder(Path(name))
        made.write("bizops.yaml", EMPTY)
        made.write("closed/inside.yaml", EMPTY)
        made.path.chmod(0o755)
        made.write("listed/inside.yaml", EMPTY)
        (made.path / "bizops.yaml").chmod(0)
        (made.path / "closed").chmod(0)
        (made.path / "listed").chmod(0o444)
        files = ("bizops.yaml", "closed", "closed/inside.yaml", "listed")
        with _as_an_ordinary_user():
            said = [made.faults(file) for file in files]
        for folder in ("closed", "listed"):
            (made.path / folder).chmod(0o755)

    assert said == [
        "bizops.yaml: no permission to read it",
        "closed: cannot be read: Permission denied",
        "closed/inside.yaml: cannot be read: Permission denied",
        "listed/inside.yaml: no permission to read it",
    ]


def test_a_link_that_leads_nowhere_says_so(folder: Folder) -> None:
    """`no such file`, with the link itself as the nearest name, would help nobody."""
    (folder.path / "bizops.yaml").symlink_to("gone.yaml")

    assert folder.faults("bizops.yaml") == "bizops.yaml: a link to a file that is not there"


def test_no_name_for_a_file_is_told(folder: Folder) -> None:
    """As `-f "$FILE"` gives it where FILE is not set."""
    assert folder.faults("") == "-f: the name of the file is empty"


def test_a_huge_file_is_refused_before_it_is_parsed(folder: Folder) -> None:
    """10 MB of YAML would take seconds and gigabytes."""
    folder.write("bizops.yaml", "x-padding:\n" + "- aaaaaaaaaaaaaaaaaa\n" * 500_000)

    assert folder.faults() == "bizops.yaml: larger than 4 MiB: no topology needs that much"


def test_an_anchor_bomb_costs_next_to_nothing(folder: Folder) -> None:
    """Aliases are counted, never followed: 10^20 values stay 200."""
    lines = ["x-0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"x-{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 20)]
    folder.write("bizops.yaml", "\n".join(lines) + "\n")
    before = system.getrusage(system.RUSAGE_SELF).ru_maxrss

    faults = folder.faults()

    grown = system.getrusage(system.RUSAGE_SELF).ru_maxrss - before
    assert "aliases explode: more than 250,000 values" in faults
    assert grown < 100_000, "KiB"


def test_deep_nesting_is_refused(folder: Folder) -> None:
    """Nothing that follows needs to fear the depth of a file."""
    folder.write("bizops.yaml", "x-deep: " + "[" * 5000 + "]" * 5000 + "\n")

    assert "nested deeper than 50 levels" in folder.faults()


def test_depth_that_aliases_add_up_to_is_refused(folder: Folder) -> None:
    """Each anchor here is shallow, but it holds the one before."""
    lines = ["x-0: &a0 {a: 1}"]
    lines += [f"x-{i}: &a{i} [[[[[[[[[[*a{i - 1}]]]]]]]]]]" for i in range(1, 200)]
    folder.write("bizops.yaml", "\n".join(lines) + "\n")

    assert "nested deeper than 50 levels" in folder.faults()


def test_merge_keys_and_anchors_work_as_everywhere(folder: Folder) -> None:
    """`<<` fills in what the map itself does not say; of several maps the first wins."""
    folder.write(
        "bizops.yaml",
        """\
        x-small: &small {size: 1, shape: round}
        x-flat: &flat {shape: flat, root: oak}
        fake: {things: {a: {<<: *small, size: 2}, b: {<<: [*small, *flat]}, c: *flat}}
        """,
    )

    found = {r.address.name: r.spec.fields() for r in folder.load().resources}

    assert found == {
        "a": {("size",): 2, ("shape",): "round"},
        "b": {("size",): 1, ("shape",): "round", ("root",): "oak"},
        "c": {("shape",): "flat", ("root",): "oak"},
    }


SIZE = "fake: {things: {a: {size: '${SIZE:-1}'}}}\n"


def _size(folder: Folder, **options: object) -> int:
    (resource,) = folder.load(**options).resources  # type: ignore[arg-type]
    size: int = resource.spec.size  # type: ignore[attr-defined]
    return size


def test_the_shell_wins_over_the_file_of_variables(folder: Folder) -> None:
    """`--env-file` takes the place of `.env` beside the first file; the shell has the last word."""
    folder.write("bizops.yaml", SIZE)
    assert _size(folder) == 1
    folder.write(".env", "SIZE=2\n", head="")
    assert _size(folder) == 2
    folder.write("other.env", "SIZE=3\n", head="")
    assert _size(folder, env_file="other.env") == 3
    assert _size(folder, env_file="other.env", variables={"SIZE": "4"}) == 4


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("ROOT=oak", "oak"),
        ("export ROOT = oak ", "oak"),
        ("ROOT=oak # a tree", "oak"),
        ("ROOT=oak#1", "oak#1"),
        ("ROOT='oak $x # 1'", "oak $x # 1"),
        (r'ROOT="oak \"1\"\t#" # a tree', 'oak "1"\t#'),
        ("ROOT=", ""),
        ("# only a comment\n\nROOT=oak", "oak"),
        ("ROOT=${OTHER}", "${OTHER}"),
    ],
)
def test_a_file_of_variables_reads_as_people_write_it(
    folder: Folder, line: str, value: str
) -> None:
    """Quotes, `export` and comments are those of the docker CLI; a value is never a template."""
    folder.write("bizops.yaml", "fake: {things: {a: {root: '${ROOT}'}}}\n")
    folder.write(".env", line + "\n", head="")

    (resource,) = folder.load().resources

    assert resource.spec.fields() == {("root",): value}


def test_a_faulty_file_of_variables_is_told_without_its_values(folder: Folder) -> None:
    """Such a line is likely to hold a password."""
    folder.write("bizops.yaml", "fake: {}\n")
    folder.write(".env", "GOOD=1\nhunter22\nPASSWORD='hunter22\n", head="")

    assert folder.faults() == (
        ".env:2:1: not an assignment: write NAME=value\n.env:3:1: PASSWORD: a quote is never closed"
    )
    assert folder.faults(env_file="nowhere.env") == "nowhere.env: no such file"


@pytest.mark.parametrize("content", [b"W=1\nV\n", b"\xff", None])
def test_what_a_faulty_file_of_variables_may_set_is_not_missed(
    folder: Folder, content: bytes | None
) -> None:
    """Mending that file is enough; a variable that is required all the same is not asked for twice."""
    folder.write("bizops.yaml", 'fake: {things: {a: {root: "${V}", needs: ["fake.thing/${V}"]}}}\n')
    if content is not None:
        (folder.path / "v.env").write_bytes(content)

    assert folder.faults(env_file="v.env", variables={}).startswith("v.env")
    assert "\n" not in folder.faults(env_file="v.env", variables={})


def test_variables_that_git_tracks_are_a_warning(folder: Folder) -> None:
    """Whatever is secret in them is published with the next push."""
    folder.write("bizops.yaml", "fake: {}\n")
    folder.write(".env", "A=1\n", head="")
    subprocess.run(["git", "init", "-q", str(folder.path)], check=True)
    assert folder.load().warnings == ()

    subprocess.run(["git", "-C", str(folder.path), "add", "-f", ".env"], check=True)

    assert folder.load().warnings == (
        ".env: git tracks this file: whatever is secret in it is published",
    )
