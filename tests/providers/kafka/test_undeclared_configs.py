"""Overrides that nobody declares go back to the broker's default where the file asks for it (S8)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bizops.change import Action, EffectKind
from bizops.provider import Options
from bizops.providers.kafka import DEFINITION
from bizops.providers.kafka.declared.specs import Settings
from bizops.quantity import Duration
from bizops.resource import Lifecycle
from bizops.testing.driving import carry_out, converge, plan_for

from .conftest import SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bizops.change import Plan
    from bizops.provider import Provider, Scope
    from bizops.resource import Resource

    Declare = Callable[..., Resource]
    Override = Callable[[str, str, str], None]
    Overrides = Callable[[str], dict[str, str]]

pytestmark = pytest.mark.integration


@pytest.fixture
def resetting() -> Iterator[Provider]:
    """Give a provider whose section says `undeclared_configs: reset`."""
    connection = DEFINITION.connection.model_validate({"bootstrap.servers": SERVERS})
    settings = Settings.model_validate({"undeclared_configs": "reset"})
    made = DEFINITION.connect(connection, settings, Options(timeout=30))
    yield made
    made.close()


def kinds(plan: Plan) -> set[EffectKind]:
    return {effect.kind for change in plan.changes for effect in change.effects}


def test_s8_an_undeclared_override_goes_back_to_the_brokers_default(
    resetting: Provider, scope: Scope, topic: Declare, override: Override, overrides: Overrides
) -> None:
    """Each with the value that is in force then; what is declared stays."""
    wanted = topic("t", partitions=1, configs={"retention.ms": "6d"})
    converge(resetting, [wanted], scope)
    name = wanted.address.name
    for key, value in {
        "segment.ms": "3600000",
        "min.insync.replicas": "2",
        "compression.type": "gzip",
        "flush.ms": "1000",
        "max.message.bytes": "2000000",
    }.items():
        override(name, key, value)

    plan = plan_for(resetting, [wanted], scope)

    (change,) = plan.changes
    assert {f.path[1]: (str(f.after), f.default_of) for f in change.fields} == {
        "segment.ms": ("7d", "broker"),
        "min.insync.replicas": ("1", "broker"),
        "compression.type": ("producer", "broker"),
        "flush.ms": ("9223372036854775807", "broker"),
        "max.message.bytes": ("1048588B", "broker"),
    }
    assert not change.observed.notes
    assert carry_out(resetting, plan).is_ok
    assert overrides(name) == {"retention.ms": "518400000"}
    assert plan_for(resetting, [wanted], scope).is_empty


def test_s8_a_reset_that_loses_records_asks_as_a_change_to_that_value_would(
    resetting: Provider, scope: Scope, topic: Declare, override: Override, overrides: Overrides
) -> None:
    wanted = topic("t", partitions=1)
    converge(resetting, [wanted], scope)
    name = wanted.address.name
    override(name, "retention.ms", str(Duration.parse("30d") + 0))

    plan = plan_for(resetting, [wanted], scope)

    (effect,) = plan.changes[0].effects
    assert effect.kind is EffectKind.DATA_LOSS
    assert effect.text == "deletes records older than 7d, which were kept under retention.ms 30d"
    override(name, "retention.ms", str(Duration.parse("1d") + 0))
    assert EffectKind.DATA_LOSS not in kinds(plan_for(resetting, [wanted], scope))
    override(name, "cleanup.policy", "compact")
    assert EffectKind.DATA_LOSS in kinds(plan_for(resetting, [wanted], scope))
    override(name, "cleanup.policy", "delete")
    override(name, "retention.ms", str(Duration.parse("7d") + 0))
    same = plan_for(resetting, [wanted], scope)
    assert EffectKind.DATA_LOSS not in kinds(same)
    assert carry_out(resetting, same).is_ok
    assert overrides(name) == {}


def test_s8_a_topic_says_over_its_section(
    live: Provider,
    resetting: Provider,
    scope: Scope,
    topic: Declare,
    override: Override,
    overrides: Overrides,
) -> None:
    keeping = topic("t", partitions=1, undeclared_configs="keep")
    converge(resetting, [keeping], scope)
    name = keeping.address.name
    override(name, "segment.ms", "3600000")

    plan = plan_for(resetting, [keeping], scope)

    assert plan.is_empty
    listed = "segment.ms = 1h is set live and declared nowhere"
    assert plan.changes[0].observed.notes == (listed,)
    ignoring = replace(
        topic("t", undeclared_configs="reset"),
        lifecycle=Lifecycle(ignore_changes=("configs.segment.ms",)),
    )
    ignored = plan_for(live, [ignoring], scope)
    assert ignored.is_empty
    assert [f.name for f in ignored.changes[0].unmanaged] == ["configs.segment.ms"]
    reset = topic("t", undeclared_configs="reset")
    assert plan_for(live, [reset], scope).changes[0].action is Action.UPDATE
    converge(live, [reset], scope)
    assert overrides(name) == {}
    assert plan_for(live, [reset], scope).is_empty


def test_s8_a_config_that_left_the_file_is_reset_where_the_file_asks_for_it(
    resetting: Provider, scope: Scope, topic: Declare, overrides: Overrides
) -> None:
    configs = {"segment.ms": "1h", "retention.ms": "8d"}
    full = topic("t", partitions=1, configs=configs)
    converge(resetting, [full], scope)
    fewer = topic("t", partitions=1, configs={"retention.ms": "8d"})
    converge(resetting, [fewer], scope)
    assert overrides(fewer.address.name) == {"retention.ms": "691200000"}
