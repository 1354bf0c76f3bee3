"""What becomes of entries: addresses, needs, lifecycles, connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Folder


def test_resources_are_sorted_and_their_needs_are_addresses(folder: Folder) -> None:
    """The same file gives the same resources in the same order, whatever its own order."""
    folder.write(
        "bizops.yaml",
        """\
        fake:
          things:
            c: {needs: [fake.thing/b, fake.thing/a]}
            a: {}
            b: {needs: [fake.thing/a]}
        """,
    )

    found = folder.load()

    assert [
        (str(resource.address), [str(need) for need in resource.needs])
        for resource in found.resources
    ] == [
        ("fake.thing/a", []),
        ("fake.thing/b", ["fake.thing/a"]),
        ("fake.thing/c", ["fake.thing/a", "fake.thing/b"]),
    ]


def test_any_entry_and_its_defaults_may_have_a_lifecycle(folder: Folder) -> None:
    """Protection can be the rule, and its absence the exception."""
    folder.write(
        "bizops.yaml",
        """\
        fake:
          thing_defaults: {lifecycle: {protect: true}}
          things:
            a: {lifecycle: {ignore_changes: [size, tags.one]}}
            b: {lifecycle: {protect: false}}
        """,
    )

    a, b = folder.load().resources

    assert (a.lifecycle.protect, a.lifecycle.ignore_changes) == (True, ("size", "tags.one"))
    assert (b.lifecycle.protect, b.lifecycle.ignore_changes) == (False, ())


def test_an_entry_with_a_fault_is_not_missed_by_those_that_need_it(folder: Folder) -> None:
    """One slip is one fault."""
    folder.write(
        "bizops.yaml",
        """\
        fake: {things: {a: {size: big}, b: {needs: [fake.thing/a]}}}
        """,
    )

    assert folder.faults().count("bizops.yaml:") == 1


def test_names_outside_owns_are_told_for_faulty_entries_as_well(folder: Folder) -> None:
    """All faults of an entry come at once."""
    folder.write("bizops.yaml", "fake: {owns: {things: ['auto_*']}, things: {a: {size: big}}}\n")

    faults = folder.faults()

    assert "fake.thing/a: size: must be a whole number" in faults
    assert "fake.thing/a: lies outside owns.things (auto_*)" in faults


def test_a_connection_without_its_section_is_a_warning(folder: Folder) -> None:
    """Connections may be shared by topologies that use some of them."""
    folder.write("bizops.yaml", "connections: {fake: {}, swarm: {}}\nfake: {}\n")

    found = folder.load()

    assert list(found.connections) == ["fake"]
    assert found.warnings == (
        "bizops.yaml:3:25: connections.swarm: is not used: the topology has no section swarm",
    )


def test_a_section_may_hold_patterns_and_nothing_else(folder: Folder) -> None:
    """So the last resource of a kind can be taken out and what is left be pruned."""
    folder.write("bizops.yaml", "fake: {owns: {things: ['auto_*']}}\n")

    found = folder.load()

    assert found.resources == ()
    assert found.scopes["fake"].is_owned("thing", "auto_stray")


def test_keys_that_begin_with_x_are_the_users_own(folder: Folder) -> None:
    """They hold anchors, as in Compose."""
    folder.write("bizops.yaml", "x-anything: [1, {a: b}]\nfake: {}\n")

    assert folder.load().resources == ()


def test_numbers_keep_the_text_that_was_written(folder: Folder) -> None:
    """A version loses no zero, and a number that only looks like one is left to its field."""
    folder.write(
        "bizops.yaml",
        """\
        fake:
          things:
            a: {shape: "1.10", size: 5}
            b: {shape: 1.10}
            c: {shape: 0x1F}
            d: {shape: 1e3}
            e: {shape: 2024-01-01}
        """,
    )

    found = {r.address.name: r.spec.fields()[("shape",)] for r in folder.load().resources}

    assert found == {"a": "1.10", "b": "1.10", "c": "0x1F", "d": "1e3", "e": "2024-01-01"}


def test_a_dead_letter_queue_is_implied_and_can_be_declared(folder: Folder) -> None:
    """The shorthand adds a queue and its binding; an entry of that name takes its place."""
    folder.write(
        "bizops.yaml",
        """\
        rabbitmq:
          exchanges: {dlx: {type: direct}}
          queues:
            orders: {dead_letter: {exchange: dlx}}
            returns: {dead_letter: {exchange: dlx}}
            returns.dlq: {max_length: 10}
        """,
    )

    found = {str(resource.address): resource for resource in folder.load().resources}

    assert sorted(found) == [
        "rabbitmq.binding/dlx:orders:orders.dlq",
        "rabbitmq.binding/dlx:returns:returns.dlq",
        "rabbitmq.exchange/dlx",
        "rabbitmq.queue/orders",
        "rabbitmq.queue/orders.dlq",
        "rabbitmq.queue/returns",
        "rabbitmq.queue/returns.dlq",
    ]
    assert str(found["rabbitmq.queue/orders.dlq"].source) == "from dead_letter"
    assert str(found["rabbitmq.queue/returns.dlq"].source) == "bizops.yaml:8"
    assert found["rabbitmq.queue/returns.dlq"].spec.fields()[("max_length",)] == 10


def test_a_service_needs_the_queue_that_its_environment_names(folder: Folder) -> None:
    """A worker that starts before its queue dies of it."""
    folder.write(
        "bizops.yaml",
        """\
        rabbitmq: {queues: {auto_orders: {}}}
        swarm:
          services:
            agent: {image: "example:1", environment: {QUEUE_NAME: auto_orders}}
        """,
    )

    agent = folder.load().resources[-1]

    assert [str(need) for need in agent.needs] == ["rabbitmq.queue/auto_orders"]


def test_a_queue_of_another_topology_is_not_missed(folder: Folder) -> None:
    """A topology without a RabbitMQ section cannot know what is there."""
    folder.write(
        "bizops.yaml",
        """\
        swarm:
          services:
            agent: {image: "example:1", environment: {QUEUE_NAME: auto_orders}}
        """,
    )

    (agent,) = folder.load().resources

    assert agent.needs == ()
