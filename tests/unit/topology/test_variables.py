"""Templates in values, and what becomes of the values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bizops.resource import Secret
from bizops.topology.interpolation import TemplateError, fill

if TYPE_CHECKING:
    from .conftest import Folder

VARIABLES = {"SET": "x", "EMPTY": "", "DOLLAR": "${SET}"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("${SET}", "x"),
        ("a${SET}b${SET}c", "axbxc"),
        ("${SET:-d}", "x"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${UNSET-d}", "d"),
        ("${UNSET:-}", ""),
        ("${UNSET:-${SET}}", "x"),
        ("${UNSET:-a:${ALSO_UNSET:-b}}c", "a:bc"),
        ("${UNSET:-{b}}", "{b}"),
        ("${SET:?message}", "x"),
        ("${EMPTY?message}", ""),
        ("$${SET}", "${SET}"),
        ("$$${SET}", "$${SET}"),
        ("${DOLLAR}", "${SET}"),
        ("^auto_.*$", "^auto_.*$"),
        ("$SET $1 $$", "$SET $1 $$"),
        ("${SET:+y}${EMPTY:+y}${UNSET:+y}", "y"),
        ("${SET+y}${EMPTY+y}${UNSET+y}", "yy"),
        ("${SET:+a${SET}b}", "axb"),
    ],
)
def test_templates_are_filled_in(text: str, filled: str) -> None:
    """The forms are Compose's; a lone `$` is only a dollar."""
    assert fill(text, VARIABLES).text == filled


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$SET", "x"),
        ("a$SET-b", "ax-b"),
        ("$$POSTGRES_USER", "$POSTGRES_USER"),
        ("($$|/)", "($|/)"),
        ("$$$SET", "$x"),
        ("$${SET}", "${SET}"),
        ("$$$${SET}", "$${SET}"),
        ("${UNSET:-$SET}", "x"),
        ("${UNSET:-$$}", "$"),
        ("$EMPTY.", "."),
        ("^a$$", "^a$"),
    ],
)
def test_s5_below_swarm_the_syntax_is_composes(text: str, filled: str) -> None:
    assert fill(text, VARIABLES, is_compose=True).text == filled


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("$UNSET", "UNSET is not set and has no default", "write $$UNSET"),
        ("^a$", "a lone $: below swarm it begins a variable", "a literal $ is written $$"),
        ("$1", "a lone $: below swarm it begins a variable", "a literal $ is written $$"),
    ],
)
def test_s5_what_compose_would_take_for_nothing_is_a_fault(
    text: str, words: str, hint: str
) -> None:
    with pytest.raises(TemplateError) as caught:
        fill(text, VARIABLES, is_compose=True)
    assert words in str(caught.value)
    assert hint in caught.value.hint


def test_s5_each_section_has_its_own_syntax(folder: Folder) -> None:
    """An anchor that both use is filled in for each."""
    folder.write(
        "bizops.yaml",
        """        x-shared: &shared "a$$b"
        swarm:
          services:
            web: {image: "example:1", command: [sh, -c, "echo $$HOME $V"], user: *shared}
        fake:
          things:
            one: {shape: *shared}
            two: {shape: "^a$"}
            three: {shape: "$V"}
        """,
    )

    found = folder.load(variables={"V": "v"})

    specs = {resource.address.name: resource.spec for resource in found.resources}
    assert specs["web"].command == ("sh", "-c", "echo $HOME v")
    assert specs["web"].user == "a$b"
    assert [specs[name].shape for name in ("one", "two", "three")] == ["a$$b", "^a$", "$V"]
    said = [warning.split(": ", 1)[1] for warning in found.warnings]
    words = "a variable is written ${NAME} here, and any other $ stands for itself"
    assert said == [f"$$: {words}", f"$V: {words}"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${UNSET}", "UNSET is not set and has no default"),
        ("${EMPTY:?say which}", "EMPTY: say which"),
        ("${UNSET?}", "UNSET is not set"),
        ("${SET", "not a template: write ${NAME}, ${NAME:-default} or ${NAME:?message}"),
        ("${UNSET:-${SET}", "${UNSET is never closed with }"),
        ("${}", "not a template: write ${NAME}, ${NAME:-default} or ${NAME:?message}"),
        ("${A:-" * 30 + "}" * 30, "defaults in defaults, more than 20 deep"),
        ("${A:-" * 9000 + "}" * 9000, "defaults in defaults, more than 20 deep"),
        ("${1}", "not a template: write ${NAME}, ${NAME:-default} or ${NAME:?message}"),
    ],
)
def test_what_cannot_be_filled_in_says_why(text: str, words: str) -> None:
    """An unset variable is a fault where Compose goes on with nothing."""
    with pytest.raises(TemplateError) as caught:
        fill(text, VARIABLES)

    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("written", "value", "fields"),
    [
        ("size: ${V}", "5", {("size",): 5}),
        ('size: "${V}"', "5", {("size",): 5}),
        ("shape: ${V}", "5", {("shape",): "5"}),
        ("shape: ${V}", "true", {("shape",): "true"}),
        ("shape: ${V}", "1.10", {("shape",): "1.10"}),
        ("shape: ${V}", "on", {("shape",): "on"}),
        ("shape: ${V}", "null", {("shape",): "null"}),
        ("shape: ${V}", "", {("shape",): ""}),
        ("shape: ${V}", "a: {b", {("shape",): "a: {b"}),
        ("shape: v${V}", "5", {("shape",): "v5"}),
    ],
)
def test_a_value_takes_the_type_of_its_field(
    folder: Folder, written: str, value: str, fields: dict[tuple[str, ...], object]
) -> None:
    """A variable is text to the shell, and can be a number here; it never becomes structure or removes anything."""
    folder.write("bizops.yaml", f"fake:\n  things:\n    a:\n      {written}\n")

    (resource,) = folder.load(variables={"V": value}).resources

    assert resource.spec.fields() == fields


def test_keys_are_never_templates(folder: Folder) -> None:
    """A name that a variable decides could not be found in the file."""
    folder.write("bizops.yaml", 'fake: {things: {"${V}": {}}}\n')

    found = folder.load(variables={"V": "a"})

    (resource,) = found.resources
    assert resource.address.name == "${V}"
    (warning,) = found.warnings
    assert warning.startswith(
        "bizops.yaml:3:17: fake.thing/${V}: templates are filled in in values"
    )


def test_a_setting_knows_the_variable_that_gave_it(folder: Folder) -> None:
    """An error about a connection can say where its address came from."""
    folder.write(
        "bizops.yaml",
        """\
        connections:
          kafka:
            bootstrap.servers: "${SERVERS:-127.0.0.1:9092}"
            client.id: "${CLIENT:-bizops}"
            security.protocol: plaintext
        kafka: {}
        """,
    )

    found = folder.load(variables={"SERVERS": "k:9092"})

    assert found.origins == {
        "connections.kafka.bootstrap.servers": (
            "bizops.yaml:5:24 connections.kafka.bootstrap.servers, from SERVERS"
        ),
        "connections.kafka.client.id": (
            "bizops.yaml:6:16 connections.kafka.client.id, from the default of CLIENT"
        ),
        "connections.kafka.security.protocol": (
            "bizops.yaml:7:24 connections.kafka.security.protocol"
        ),
    }


def test_secrets_are_known_however_they_came_in(folder: Folder) -> None:
    """The filter of all output must know passwords, user info of URLs and sensitive variables."""
    folder.write(
        "bizops.yaml",
        """\
        connections:
          kafka: {bootstrap.servers: "k:9092", sasl.password: literally}
        kafka: {}
        swarm:
          services:
            web:
              image: example:1
              sensitive: [PIN]
              environment:
                PLAIN: "${SOME_TOKEN}"
                API_KEY: in-the-open
                PIN: listed
                DATABASE: "${DATABASE}"
                LEVEL: info
        """,
    )

    found = folder.load(
        variables={"SOME_TOKEN": "from-the-shell", "DATABASE": "pg://app:p%40ss@db/app"}
    )

    assert found.secrets >= {
        "literally", "from-the-shell", "in-the-open", "listed", "p%40ss", "p@ss", "app:p%40ss",
    }  # fmt: skip
    assert found.secrets.isdisjoint({"info", "k:9092", "PIN", "app"})
    assert "literally" not in repr(found)


def test_the_values_behind_swarm_secrets_are_known_to_the_filter(folder: Folder) -> None:
    """A task may print what is mounted into it; the value comes from the shell, from .env or from a file."""
    folder.write("value", "first-line\nsecond-line\n", head="")
    folder.write(".env", "FROM_ENV_FILE=dotenv-value\n", head="")
    folder.write(
        "bizops.yaml",
        """
        swarm:
          secrets:
            one: {environment: FROM_SHELL}
            two: {environment: FROM_ENV_FILE}
            three: {file: value}
            four: {environment: NOWHERE}
            five: {file: missing}
        """,
    )

    found = folder.load(variables={"FROM_SHELL": "shell-value"})

    assert found.secrets >= {"shell-value", "dotenv-value", "first-line", "second-line"}
    values = {r.address.name: r.spec.value for r in found.resources if hasattr(r.spec, "value")}
    assert Secret("dotenv-value") == values["two"]
    assert values["four"] is None
    assert "dotenv-value" not in repr(found)
