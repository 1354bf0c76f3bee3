from __future__ import annotations

import dataclasses

import pytest

from stack.errors import StackError
from stack.parts import list_parts, plan_parts
from stack.settings import Settings


def test_the_old_rabbitmq_starts_only_when_it_is_asked_for() -> None:
    """It serves the tests; nobody else has to wait for it."""
    # Given the default settings
    settings = Settings()
    # When parts are planned without and with it
    usual = [part.name for part in plan_parts(settings)]
    tests = [part.name for part in plan_parts(settings, ("rabbitmq-310",))]
    # Then it is the only difference
    assert usual == ["rabbitmq", "kafka-1", "kafka-2", "kafka-3", "redis", "registry", "llm"]
    assert tests == [*usual, "rabbitmq-310"]


def test_a_cluster_is_asked_for_as_a_whole_and_beside_other_parts() -> None:
    """One node alone is of no use, and a drill may want both."""
    # Given the default settings
    settings = Settings()
    # When the cluster and another optional part are planned, and when one of its nodes is
    planned = [part.name for part in plan_parts(settings, ("rabbitmq-cluster", "rabbitmq-310"))]
    with pytest.raises(StackError) as caught:
        plan_parts(settings, ("rabbitmq-2",))
    # Then all nodes are there, and a single one is refused with the name to use
    assert planned[-4:] == ["rabbitmq-310", "rabbitmq-1", "rabbitmq-2", "rabbitmq-3"]
    assert "rabbitmq-cluster" in caught.value.remedy


@pytest.mark.parametrize(
    ("setting", "part", "suite"),
    [
        ({"rabbitmq_version": "4.3"}, "rabbitmq", "forky"),
        ({"rabbitmq_cluster_version": "3.10"}, "rabbitmq-2", "bookworm"),
        ({"redis_version": "7"}, "redis", "bookworm"),
    ],
)
def test_a_version_chooses_the_image_and_a_volume_of_its_own(
    setting: dict[str, str], part: str, suite: str
) -> None:
    """No server can read the data of a later version."""
    # Given a stack of the default versions, and one with another
    usual, other = (
        {p.name: p for p in list_parts(settings)} for settings in (Settings(), Settings(**setting))
    )
    # When the part is looked at
    # Then its image is of the suite that has this version, and its data is apart
    (version,) = setting.values()
    assert other[part].image.suite == suite
    assert version in other[part].image.reference
    assert other[part].volume_name not in {usual[part].volume_name, other[part].container}
    # And no other part is another
    cluster = usual[part].cluster
    changed = {name for name in usual if other[name] != usual[name]}
    assert changed == {part} | {
        name for name in usual if cluster and usual[name].cluster == cluster
    }


def test_an_unknown_part_is_refused_with_the_names_of_the_parts() -> None:
    """A typing mistake does not start half of what was meant."""
    # Given a name that no part has
    # When it is asked for
    with pytest.raises(StackError) as caught:
        plan_parts(Settings(), ("rabbitmq-39",))

    # Then the message names it, and the remedy what there is
    assert "rabbitmq-39" in caught.value.message
    assert "rabbitmq-310" in caught.value.remedy


def test_only_some_parts_may_be_asked_for_and_a_cluster_counts_as_one() -> None:
    parts = plan_parts(Settings(), only=("rabbitmq-cluster", "redis"))
    assert [part.name for part in parts] == ["redis", "rabbitmq-1", "rabbitmq-2", "rabbitmq-3"]
    with pytest.raises(StackError):
        plan_parts(Settings(), only=("rabbitmq-39",))


def test_a_prefix_gives_a_second_stack_names_of_its_own() -> None:
    """Two stacks on one engine share no container, no volume and no label."""
    # Given the default settings and some with a prefix
    usual, other = (list_parts(Settings(prefix=prefix)) for prefix in ("", "second-"))
    # When their names are compared
    names = [
        {p.container for p in parts} | {p.volume_name for p in parts} for parts in (usual, other)
    ]
    # Then none is common
    assert not names[0] & names[1]
    assert not {part.label for part in usual} & {part.label for part in other}


@pytest.mark.parametrize(
    "change",
    [{"redis_port": 7000}, {"redis_image": "redis:6"}, {"prefix": "x-"}],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_setting_changes_the_fingerprint_of_its_part_alone(
    change: dict[str, object],
) -> None:
    """A container is made anew when its description changed, and only then."""
    # Given the parts before and after a change
    before = {part.name: part.fingerprint for part in list_parts(Settings())}
    after = {
        part.name: part.fingerprint
        for part in list_parts(dataclasses.replace(Settings(), **change))  # type: ignore[arg-type] # a table of fields
    }
    # When they are compared
    changed = {name for name in before if before[name] != after[name]}
    # Then a port or an image concerns one part, the prefix all of them
    assert changed == (set(before) if "prefix" in change else {"redis"})


def test_each_broker_announces_itself_inside_the_network_and_on_loopback() -> None:
    """Swarm tasks reach a broker by name, the host by port."""
    # Given a stack with a prefix and a port of its own
    parts = {p.name: p for p in list_parts(Settings(prefix="x-", kafka_2_port=7002))}
    # When the second broker's configuration is read
    text, _ = parts["kafka-2"].files["/etc/kafka/server.properties"]
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    properties = dict(line.split("=", 1) for line in lines)
    # Then both listeners are announced, and every controller votes
    assert (
        properties["advertised.listeners"] == "INTERNAL://x-kafka-2:19092,EXTERNAL://127.0.0.1:7002"
    )
    assert properties["node.id"] == "2"
    voters = "1@x-kafka-1:29093,2@x-kafka-2:29093,3@x-kafka-3:29093"
    assert properties["controller.quorum.voters"] == voters
    assert "@" not in text.replace(voters, "")
