"""What Compose keys mean, without an engine: normal forms, faults, hiding, and that reading undoes writing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from bizops import diff
from bizops.providers.swarm.compose.services.service import Service
from bizops.providers.swarm.spec import spec_edit
from bizops.providers.swarm.spec.field_codecs import Names
from bizops.providers.swarm.spec.field_table import WHOLE
from bizops.providers.swarm.state import last_declared, live_settings
from bizops.quantity import Duration
from bizops.resource import Address, Resource, Secret

CASES = Path(__file__).parent / "cases"
NORMAL = [
    (key, written, normal)
    for key, pairs in yaml.safe_load((CASES / "normal.yaml").read_text(encoding="utf-8")).items()
    for written, normal in pairs
]
FAULTS = yaml.safe_load((CASES / "faults.yaml").read_text(encoding="utf-8"))


class _Everything(dict[str, str]):
    """Ids for any name: what exists is not the subject here."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"id-of-{name}"


ANY = Names(_Everything(), _Everything(), _Everything())


@pytest.mark.parametrize(("key", "written", "normal"), NORMAL)
def test_each_way_of_writing_a_setting_has_one_normal_form(
    key: str, written: Any, normal: Any
) -> None:
    """What Compose takes for equal compares equal."""
    value = Service.model_validate({key: written}).fields()[key,]

    shown = [str(item) for item in value] if isinstance(value, tuple) else value
    assert normal == (str(shown) if isinstance(shown, Duration) else shown)


@pytest.mark.parametrize(("key", "written", "problem"), FAULTS)
def test_each_wrong_value_says_what_is_wrong_and_what_to_write(
    key: str, written: Any, problem: str
) -> None:
    """A fault, never another exception, at the key or beneath it."""
    with pytest.raises(ValidationError) as raised:
        Service.model_validate({key: written})

    assert any(problem in found["msg"] for found in raised.value.errors()), raised.value
    assert all(found["loc"][0] == key for found in raised.value.errors())


def test_values_are_hidden_by_name_by_list_and_by_user_info() -> None:
    """Everything else is shown."""
    spec = Service.model_validate(
        {
            "environment": {
                "DB_PASSWORD": "a", "ApiToken": "b", "SOME_KEY": "c", "URL": "amqp://u:p@h", "LISTED": "d",
                "SHOWN": "e", "PLAIN_URL": "amqp://h",
            },
            "sensitive": ["LISTED"],
        }
    )  # fmt: skip

    hidden = {path[1] for path, value in spec.fields().items() if isinstance(value, Secret)}

    assert {"DB_PASSWORD", "ApiToken", "SOME_KEY", "URL", "LISTED"} == hidden


def test_a_file_of_variables_lies_beneath_the_environment(tmp_path: Path) -> None:
    """Comments, quotes and export are read as Compose reads them; environment wins."""
    (tmp_path / "a.env").write_text(
        "# comment\nexport A=1\nB='two words' # more\nC=\"x\"\n\nD=4 # comment\n", encoding="utf-8"
    )
    written = {"env_file": "a.env", "environment": {"A": "9"}}

    spec = Service.model_validate(written, context={"directory": str(tmp_path)})

    assert {"A": "9", "B": "two words", "C": "x", "D": "4"} == spec.variables()


def test_a_fault_in_a_file_of_variables_names_the_line_and_not_the_value(tmp_path: Path) -> None:
    """The file may be full of secrets."""
    (tmp_path / "a.env").write_text("A=1\ns3cret\n", encoding="utf-8")

    with pytest.raises(ValidationError) as raised:
        Service.model_validate({"env_file": "a.env"}, context={"directory": str(tmp_path)})

    (found,) = raised.value.errors()
    assert f"{tmp_path / 'a.env'}:2 is not NAME=VALUE" in found["msg"]
    assert "s3cret" not in found["msg"]


NAMES = some.text("abcdefgh", min_size=1, max_size=6)
SPANS = some.integers(0, 10_000).map(lambda number: f"{number}ms")
SETTINGS = some.fixed_dictionaries(
    {"image": some.just("a/b:1")},
    optional={
        "command": some.lists(some.text(max_size=8), max_size=3),
        "environment": some.dictionaries(NAMES, some.text(max_size=8), max_size=4),
        "labels": some.dictionaries(NAMES, some.text(max_size=8), max_size=3),
        "networks": some.lists(NAMES, max_size=3, unique=True),
        "secrets": some.lists(NAMES, max_size=3, unique=True),
        "volumes": some.lists(NAMES.map(lambda name: f"{name}:/{name}"), max_size=3, unique=True),
        "tmpfs": some.lists(NAMES.map(lambda name: f"/{name}:size=1m"), max_size=2, unique=True),
        "ports": some.lists(some.integers(1, 65535), max_size=3, unique=True),
        "stop_grace_period": SPANS,
        "ulimits": some.dictionaries(NAMES, some.integers(-1, 9), max_size=3),
        "sysctls": some.dictionaries(NAMES, some.text(max_size=4), max_size=2),
        "dns_search": some.lists(NAMES, max_size=2),
        "group_add": some.lists(NAMES, max_size=2, unique=True),
        "tty": some.booleans(),
        "healthcheck": some.fixed_dictionaries(
            {},
            optional={
                "test": some.text(max_size=5),
                "interval": SPANS,
                "retries": some.integers(1, 9),
            },
        ),
        "deploy": some.fixed_dictionaries(
            {},
            optional={
                "replicas": some.integers(0, 50),
                "labels": some.dictionaries(NAMES, some.text(max_size=8), max_size=3),
                "update_config": some.fixed_dictionaries(
                    {}, optional={"parallelism": some.integers(0, 9), "delay": SPANS}
                ),
                "resources": some.fixed_dictionaries(
                    {
                        "limits": some.fixed_dictionaries(
                            {}, optional={"cpus": some.sampled_from(["0.5", "2", ".25"])}
                        )
                    }
                ),
            },
        ),
    },
)


@given(SETTINGS, SETTINGS)
def test_reading_undoes_writing_and_a_change_leaves_nothing_over(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """A written declaration is read back equal, and so is another one written over it."""
    one, two = Service.model_validate(first), Service.model_validate(second)
    raw = spec_edit.changed(spec_edit.blank("x"), one.fields(), ANY)
    assert _unequal(one, raw) == {}

    again = spec_edit.changed(raw, two.fields(), ANY)

    assert _unequal(two, again) == {}


@given(SETTINGS)
def test_s8_what_left_the_file_is_as_if_it_had_never_been_there(first: dict[str, Any]) -> None:
    """But for the replicas, which are handed over."""
    full, bare = _resource(first), _resource({"image": "a/b:1"})
    raw = spec_edit.changed(spec_edit.blank("x"), full.spec.fields(), ANY)
    raw = spec_edit.owned(raw, "shop", last_declared.label(full, {}, "shop", {}))
    networks = Names({name: f"id-of-{name}" for name, _ in full.spec.networks or ()})
    record = last_declared.recorded(raw, "shop") or {}
    wanted = bare.spec.fields()
    found = last_declared.marked(
        live_settings.fields(raw, networks, None), record, wanted, "shop", {}
    )

    changes = diff.diff(wanted, dict(found), WHOLE)

    after = spec_edit.changed(raw, spec_edit.after(changes), networks)
    expected = live_settings.settings(
        spec_edit.changed(spec_edit.blank("x"), wanted, ANY), networks
    )
    replicas = ("deploy", "replicas")
    left = {**live_settings.settings(after, networks), replicas: expected[replicas]}
    assert left == expected


def _resource(settings: dict[str, Any]) -> Any:
    return Resource(Address("swarm", "service", ("x",)), Service.model_validate(settings))


def _unequal(spec: Service, raw: dict[str, Any]) -> dict[Any, Any]:
    networks = {
        item["Target"].removeprefix("id-of-"): item["Target"]
        for item in raw["TaskTemplate"].get("Networks", ())
    }
    found = dict(live_settings.fields(raw, Names(networks), spec))
    return {
        path: value
        for path, value in spec.fields().items()
        if path not in found or found[path].value != value
    }


def test_what_no_change_names_stays_to_the_byte() -> None:
    """Unknown settings, other items of a list and the order of what stays are kept."""
    raw = {
        "Name": "x",
        "Future": {"A": [1]},
        "TaskTemplate": {
            "Later": True,
            "ContainerSpec": {
                "Image": "a:1", "Unheard": 1,
                "Mounts": [
                    {"Type": "volume", "Source": "v", "Target": "/v", "Odd": 1},
                    {"Type": "tmpfs", "Target": "/t"},
                ],
            },
        },
    }  # fmt: skip
    wanted = Service.model_validate({"volumes": ["v:/v", "w:/w"]}).fields()

    changed = spec_edit.changed(raw, wanted, ANY)

    mounts = changed["TaskTemplate"]["ContainerSpec"].pop("Mounts")
    before = raw["TaskTemplate"]["ContainerSpec"].pop("Mounts")
    assert raw == changed
    assert [before[1], before[0], {"Type": "volume", "Source": "w", "Target": "/w"}] == mounts
