"""What leaves the file goes from the service, and only where it is still as bizops wrote it (S8)."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from bizops.change import Action, EffectKind
from bizops.planner import Targeting
from bizops.provider import Scope
from bizops.providers.swarm.spec.field_table import DECLARED, OWNER
from bizops.resource import Lifecycle
from bizops.testing.driving import carry_out, converge, plan_for

from .ports import with_ports

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.change import Change, Plan
    from bizops.provider import Provider
    from bizops.resource import Resource

    Docker = Callable[..., str]
    Make = Callable[..., Resource]

pytestmark = pytest.mark.integration

HEALTH = {"test": "true", "interval": "9s", "timeout": "8s", "retries": 4, "start_period": "2s"}
UPDATES = {"parallelism": 3, "delay": "1s", "monitor": "2s", "order": "start-first"}
REMOVED: dict[str, dict[str, Any]] = {
    "ports": {"ports": ["PORT_81:80"]},
    "cap_add": {"cap_add": ["NET_ADMIN"]},
    "cap_drop": {"cap_drop": ["ALL"]},
    "user": {"user": "1000"},
    "command": {"command": ["sleep", "60"]},
    "entrypoint": {"entrypoint": ["/bin/sleep"]},
    "hostname": {"hostname": "h"},
    "working_dir": {"working_dir": "/srv"},
    "stop_signal": {"stop_signal": "SIGINT"},
    "stop_grace_period": {"stop_grace_period": "3s"},
    "init": {"init": True},
    "read_only": {"read_only": True},
    "extra_hosts": {"extra_hosts": ["db:10.0.0.1"]},
    "healthcheck": {"healthcheck": HEALTH},
    "ulimits": {"ulimits": {"nofile": 100, "nproc": {"soft": 1, "hard": 2}}},
    "sysctls": {"sysctls": {"net.core.somaxconn": "1024"}},
    "dns": {"dns": ["10.0.0.9"], "dns_search": ["a.example"], "dns_opt": ["ndots:1"]},
    "group_add": {"group_add": ["mail"]},
    "tty": {"tty": True},
    "stdin_open": {"stdin_open": True},
    "isolation": {"isolation": "process"},
    "credential_spec": {"credential_spec": {"file": "a.json"}},
    "labels": {"labels": {"a": "1", "b": "2"}},
    "environment": {"environment": {"A": "1", "API_KEY": "s3cret"}},
    "volumes": {"volumes": ["/etc:/host", "/cache"]},
    "tmpfs": {"tmpfs": ["/scratch:size=64m"]},
    "logging": {"logging": {"driver": "json-file", "options": {"max-size": "1m"}}},
    "deploy.labels": {"deploy": {"labels": {"traefik.enable": "true"}}},
    "deploy.endpoint_mode": {"deploy": {"endpoint_mode": "dnsrr"}},
    "deploy.resources": {
        "deploy": {
            "resources": {
                "limits": {"cpus": "0.5", "memory": "64m", "pids": 9},
                "reservations": {
                    "cpus": "0.1",
                    "memory": "16m",
                    "generic_resources": [{"discrete_resource_spec": {"kind": "gpu", "value": 2}}],
                },
            }
        }
    },
    "deploy.placement": {
        "deploy": {
            "placement": {
                "constraints": ["node.role==manager"],
                "preferences": [{"spread": "node.labels.zone"}],
                "max_replicas_per_node": 2,
            }
        }
    },
    "deploy.restart_policy": {
        "deploy": {
            "restart_policy": {
                "condition": "on-failure",
                "delay": "3s",
                "max_attempts": 4,
                "window": "2m",
            }
        }
    },
    "deploy.update_config": {"deploy": {"update_config": UPDATES}},
    "deploy.rollback_config": {"deploy": {"rollback_config": UPDATES}},
}


def with_usable_ports(settings: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(with_ports(yaml.safe_dump(settings)))
    return found


def spec_of(docker: Docker, wanted: Resource) -> dict[str, Any]:
    """Give the spec as the engine holds it, without the labels that bizops writes for itself."""
    (found,) = json.loads(docker("service", "inspect", wanted.address.name))
    spec: dict[str, Any] = found["Spec"]
    for name in (OWNER, DECLARED):
        spec["Labels"].pop(name, None)
    if spec.get("EndpointSpec") == {"Mode": "vip"}:  # the engine fills it in with the first port
        del spec["EndpointSpec"]
    return spec


def settled_plan(live: Provider, wanted: Resource, scope: Scope) -> Plan:
    """Plan when all tasks run: a label is not written while some do not."""
    deadline = time.monotonic() + 60
    while True:
        plan = plan_for(live, (wanted,), scope)
        if plan.writes or time.monotonic() > deadline:
            return plan
        time.sleep(0.2)


def only(plan: Plan) -> Change:
    (change,) = plan.changes
    return change


def names(change: Change) -> set[str]:
    return {field.name for field in change.fields}


def test_s8_a_key_that_left_the_file_goes_from_the_service(
    live: Provider, scope: Scope, service: Make, docker: Docker
) -> None:
    """A service for each key, all of them at once."""
    bare = {key: service(f"-{number}") for number, key in enumerate(REMOVED)}
    full = {
        key: service(f"-{number}", **with_usable_ports(settings))
        for number, (key, settings) in enumerate(REMOVED.items())
    }
    converge(live, tuple(bare.values()), scope)
    untouched = {key: spec_of(docker, resource) for key, resource in bare.items()}
    converge(live, tuple(full.values()), scope)

    plan = plan_for(live, tuple(bare.values()), scope)

    planned = {change.address: change for change in plan.changes}
    for key, resource in bare.items():
        assert untouched[key] != spec_of(docker, resource), key
        change = planned[resource.address]
        assert change.action is Action.UPDATE, key
        assert all(name.startswith(key) for name in names(change)), names(change)
    converge(live, tuple(bare.values()), scope)
    assert plan_for(live, tuple(bare.values()), scope).is_empty
    for key, resource in bare.items():
        assert untouched[key] == spec_of(docker, resource), key


def test_s8_a_single_label_a_variable_and_one_of_a_group_go_alone(
    live: Provider, scope: Scope, service: Make, docker: Docker
) -> None:
    config = {"parallelism": 3, "order": "start-first"}
    before = service(
        "-s",
        environment={"A": "1", "B": "2"},
        labels={"a": "1", "b": "2"},
        deploy={"labels": {"c": "1", "d": "2"}, "update_config": config},
    )
    after = service(
        "-s",
        environment={"A": "1"},
        labels={"a": "1"},
        deploy={"labels": {"c": "1"}, "update_config": {"order": "start-first"}},
    )
    converge(live, (before,), scope)

    change = only(plan_for(live, (after,), scope))

    gone = {"environment.B", "labels.b", "deploy.labels.d", "deploy.update_config.parallelism"}
    assert gone == names(change)
    converge(live, (after,), scope)
    spec = spec_of(docker, after)
    assert spec["Labels"] == {"c": "1"}
    assert spec["TaskTemplate"]["ContainerSpec"]["Labels"] == {"a": "1"}
    assert spec["TaskTemplate"]["ContainerSpec"]["Env"] == ["A=1"]
    assert spec["UpdateConfig"]["Parallelism"] == 1
    assert spec["UpdateConfig"]["Order"] == "start-first"
    assert plan_for(live, (after,), scope).is_empty


def test_s8_networks_aliases_secrets_and_configs_go(
    live: Provider, scope: Scope, service: Make, docker: Docker, name: str
) -> None:
    for kind in ("secret", "config"):
        docker(kind, "create", f"{name}-{kind}", "/etc/hostname")
    docker("network", "create", "-d", "overlay", f"{name}-net")
    aliased = service(
        "-s",
        networks={f"{name}-net": {"aliases": ["db"]}},
        secrets=[f"{name}-secret"],
        configs=[f"{name}-config"],
    )
    converge(live, (aliased,), scope)
    plain = service("-s", networks=[f"{name}-net"])
    change = only(plan_for(live, (plain,), scope))
    assert names(change) == {f"networks.{name}-net.aliases", "secrets", "configs"}
    warned = {e.text for e in change.effects if e.kind is EffectKind.WARNING}
    assert warned == {"takes away the last of its secrets: the tasks start anew without"}
    converge(live, (plain,), scope)
    template = spec_of(docker, plain)["TaskTemplate"]
    assert "Aliases" not in template["Networks"][0]
    assert "Secrets" not in template["ContainerSpec"]
    assert "Configs" not in template["ContainerSpec"]

    bare = service("-s")
    converge(live, (bare,), scope)
    assert plan_for(live, (bare,), scope).is_empty
    assert "Networks" not in spec_of(docker, bare)["TaskTemplate"]


def test_s8_what_somebody_changed_in_between_is_left_alone_and_listed(
    live: Provider, scope: Scope, service: Make, docker: Docker
) -> None:
    converge(live, (service("-s", user="1000", hostname="h", labels={"a": "1"}),), scope)
    docker(
        "service", "update", "-d", "--user", "2000", "--container-label-add", "a=2",
        service("-s").address.name,
    )  # fmt: skip
    bare = service("-s")

    change = only(plan_for(live, (bare,), scope))

    assert names(change) == {"hostname"}
    said = [effect.text for effect in change.effects]
    assert "user left the file and was changed by others since: it stays" in said
    assert "labels.a left the file and was changed by others since: it stays" in said
    converge(live, (bare,), scope)
    container = spec_of(docker, bare)["TaskTemplate"]["ContainerSpec"]
    assert (container["User"], container["Labels"]) == ("2000", {"a": "2"})
    assert "Hostname" not in container
    assert plan_for(live, (bare,), scope).is_empty


def test_s8_variables_that_others_added_stay_when_the_environment_leaves_the_file(
    live: Provider, scope: Scope, service: Make, docker: Docker
) -> None:
    converge(live, (service("-s", environment={"A": "1", "B": "2"}),), scope)
    docker("service", "update", "-d", "--env-add", "C=3", service("-s").address.name)
    bare = service("-s")
    assert names(only(plan_for(live, (bare,), scope))) == {"environment.A", "environment.B"}
    converge(live, (bare,), scope)
    assert spec_of(docker, bare)["TaskTemplate"]["ContainerSpec"]["Env"] == ["C=3"]
    assert plan_for(live, (bare,), scope).is_empty


def test_s8_replicas_are_handed_over_and_the_plan_says_so_once(
    live: Provider, scope: Scope, service: Make, docker: Docker
) -> None:
    before = service("-s", deploy={"replicas": 2, "update_config": {"monitor": "1s"}})
    after = service("-s", deploy={"replicas": None, "update_config": {"monitor": "1s"}})
    converge(live, (before,), scope)
    docker("service", "scale", "-d", f"{before.address.name}=3")

    plan = settled_plan(live, after, scope)

    assert only(plan).action is Action.NOOP
    assert plan.is_in_force
    (write,) = plan.writes
    assert "deploy.replicas left the file and is handed over: 3 stays" in write.text
    converge(live, (after,), scope)
    assert spec_of(docker, after)["Mode"] == {"Replicated": {"Replicas": 3}}
    assert plan_for(live, (after,), scope).is_empty


def test_s8_what_is_ignored_is_never_reset(
    live: Provider, scope: Scope, service: Make, docker: Docker
) -> None:
    ignoring = Lifecycle(ignore_changes=("user",))
    converge(live, (service("-s", user="1000", hostname="h"),), scope)
    bare = replace(service("-s"), lifecycle=ignoring)

    change = only(plan_for(live, (bare,), scope))

    assert names(change) == {"hostname"}
    assert [field.name for field in change.unmanaged] == ["user"]
    converge(live, (bare,), scope)
    assert spec_of(docker, bare)["TaskTemplate"]["ContainerSpec"]["User"] == "1000"
    assert plan_for(live, (service("-s"),), scope).is_empty


def test_s8_a_service_without_the_label_is_reset_in_nothing_and_labelled_without_a_restart(
    live: Provider, scope: Scope, service: Make, docker: Docker
) -> None:
    """As an older bizops has left it."""
    wanted = service("-s", user="1000", command=["sleep", "60"], deploy={"replicas": 1})
    converge(live, (wanted,), scope)
    docker("service", "update", "-d", "--label-rm", DECLARED, wanted.address.name)
    tasks = docker("service", "ps", "-q", wanted.address.name)
    fewer = service("-s", command=["sleep", "60"], deploy={"replicas": 1})

    plan = plan_for(live, (fewer,), scope)

    assert only(plan).action is Action.NOOP
    assert plan.is_in_force
    assert not plan.is_empty
    converge(live, (fewer,), scope)
    assert plan_for(live, (fewer,), scope).is_empty
    assert spec_of(docker, fewer)["TaskTemplate"]["ContainerSpec"]["User"] == "1000"
    assert tasks == docker("service", "ps", "-q", wanted.address.name)


def test_s8_what_was_set_before_adoption_is_not_reset(
    live: Provider, scope: Scope, service: Make, docker: Docker
) -> None:
    """Neither what somebody set by hand, nor what another topology had declared."""
    wanted = service("-s", user="1000", hostname="h")
    converge(live, (wanted,), scope)
    other = Scope(f"{scope.topology}-other")
    fewer = service("-s", hostname="h")
    adopt = Targeting(adopt=("swarm.service/*",))

    result = carry_out(live, plan_for(live, (fewer,), other, adopt))

    assert result.is_ok, result.outcomes
    assert spec_of(docker, fewer)["TaskTemplate"]["ContainerSpec"]["User"] == "1000"
    assert plan_for(live, (fewer,), other).is_empty
    bare = service("-s")
    assert names(only(plan_for(live, (bare,), other))) == {"hostname"}


def test_s8_the_label_alone_starts_nothing_that_has_ended(
    live: Provider, scope: Scope, service: Make, docker: Docker
) -> None:
    policy = {"restart_policy": {"condition": "none"}, "replicas": 1}
    wanted = service("-s", command=["sleep", "1"], deploy=policy)
    converge(live, (wanted,), scope)
    docker("service", "update", "-d", "--label-add", f"{DECLARED}={{}}", wanted.address.name)
    before = docker("service", "ps", "-q", wanted.address.name)

    converge(live, (wanted,), scope)

    assert plan_for(live, (wanted,), scope).is_empty
    assert before == docker("service", "ps", "-q", wanted.address.name)


def test_s8_a_job_is_not_run_again_for_its_label(
    live: Provider, scope: Scope, service: Make, docker: Docker
) -> None:
    job = {"mode": "replicated-job", "replicas": 0, "restart_policy": {"condition": "none"}}
    wanted = service("-s", user="1000", deploy=job)
    converge(live, (wanted,), scope)
    docker("service", "update", "-d", "--label-rm", DECLARED, wanted.address.name)
    assert plan_for(live, (wanted,), scope).is_empty


def test_s8_a_damaged_label_says_nothing_and_is_written_anew(
    live: Provider, scope: Scope, service: Make, docker: Docker
) -> None:
    converge(live, (service("-s", user="1000"),), scope)
    bare = service("-s")
    for damaged in ("", "{", "[]", '{"user":5}', '{"user":{"x":{}}}', '{"user":"\\ud800"}'):
        label = f"{DECLARED}={damaged}"
        docker("service", "update", "-d", "--label-add", label, bare.address.name)
        assert only(plan_for(live, (bare,), scope)).action is Action.NOOP
        converge(live, (bare,), scope)
        assert plan_for(live, (bare,), scope).is_empty


def test_s8_what_was_listed_as_sensitive_stays_hidden_when_the_list_leaves_too(
    live: Provider, scope: Scope, service: Make, docker: Docker
) -> None:
    hidden = service("-s", environment={"HARMLESS": "marked-secret"}, sensitive=["HARMLESS"])
    converge(live, (hidden,), scope)
    change = only(plan_for(live, (service("-s"),), scope))
    assert names(change) == {"environment.HARMLESS"}
    assert "marked-secret" not in repr(change.fields)
    (found,) = json.loads(docker("service", "inspect", hidden.address.name))
    assert "marked-secret" not in found["Spec"]["Labels"][DECLARED]
