"""Declarations with a marked secret in every field of every kind, and every word that is printed of them (C1, A4)."""

from __future__ import annotations

import base64
import html
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest

from bizops import errors, planner, provider, render, topology
from bizops.change import Outcome, Plan, Status, Step, System
from bizops.planner import Desired, Targeting
from bizops.provider import Observations
from bizops.providers.swarm.compose.values import Entry
from bizops.redaction import Redaction
from bizops.render import Heading, Style
from bizops.resource import Field, Observation, Presence, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bizops.topology import Topology

MARK = "wombat9quartz"
ODD = 'wom/bat9 "q%uartz&é'
TOKEN = "Wom7bat/9s+Quar8tz%Basalt5=="
"""As base64 has it: an address of ours escapes some of its signs, and leaves others."""
PHRASE = """Wombat7x quartz8y "Basalt9z"  'dingo5q' Koala6w/@:#%=+&?,Quoll4v"""
"""A shell splits it into words."""
OLD = "numbat7basalt"
"""What a live system holds where a file has the mark: nobody knows it, so only its place tells."""
STYLE = Style(colour=False, width=80, unicode=True)
BASES: dict[str, dict[str, Any]] = {
    "rabbitmq.exchange": {"type": "direct"},
    "rabbitmq.queue": {},
    "rabbitmq.binding": {"exchange": "amq.topic", "queue": "base", "routing_key": "x"},
    "rabbitmq.policy": {"pattern": "^x", "definition": {"max-length": 1}},
    "kafka.topic": {"partitions": 1},
    "swarm.service": {"image": "example:1"},
    "swarm.network": {},
    "swarm.secret": {"environment": "HELD"},
}
"""The least that a valid entry of each kind says."""
TELLTALE_KEYS = ("api.token", "x-password", "SASL_SECRET")


def forms(secret: str) -> set[str]:
    """Give what the secret must not be found as."""
    raw = secret.encode()
    return {
        secret,
        json.dumps(secret)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        html.escape(secret),
        base64.b64encode(raw).decode(),
        *(base64.b64encode(b"u" * n + b":" + raw).decode().rstrip("=")[-12:-2] for n in range(3)),
    }


def words(secret: str) -> set[str]:
    """Give the parts of a secret that would say something of it, had the rest been hidden."""
    return {word for word in re.findall(r"\w+", secret) if len(word) > len("quartz")}


def found_in(said: str, secrets: tuple[str, ...] = (MARK, ODD)) -> list[str]:
    """Give what is found of secrets, also in other letters."""
    lowered = said.lower()
    found = [form for secret in secrets for form in forms(secret) if form in said]
    return found + [word for each in secrets for word in words(each) if word.lower() in lowered]


def _leaves(schema: dict[str, Any], whole: dict[str, Any], depth: int = 0) -> Iterator[Any]:
    """Give trees with one marked value each, one for every text that a schema takes."""
    for choice in schema.get("anyOf", schema.get("oneOf", [schema])):
        if "$ref" in choice:
            yield from _leaves(whole["$defs"][choice["$ref"].split("/")[-1]], whole, depth + 1)
            continue
        kinds = choice.get("type", "string")
        kinds = {kinds} if isinstance(kinds, str) else set(kinds)
        if kinds & {"string", "integer", "number", "boolean"}:
            yield "MARKED"
        if "array" in kinds:
            yield from ([leaf] for leaf in _leaves(choice.get("items", {}), whole, depth + 1))
            yield ["KEYMARKED=1"]
        if "object" in kinds or "properties" in choice:
            for name, inner in choice.get("properties", {}).items():
                yield from ({name: leaf} for leaf in _leaves(inner, whole, depth + 1))
            more = choice.get("additionalProperties")
            if isinstance(more, dict) or more is True:
                for key in ("open", *TELLTALE_KEYS):
                    leaves = _leaves(more if isinstance(more, dict) else {}, whole, depth + 1)
                    yield from ({key: leaf} for leaf in leaves)


def _marked(tree: Any, text: str) -> Any:
    if isinstance(tree, dict):
        return {key: _marked(value, text) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_marked(value, text) for value in tree]
    return tree.replace("MARKED", text) if isinstance(tree, str) else tree


def _entries() -> list[tuple[str, Any]]:
    """Give the kind and one tree for each text field of each kind; each tree once."""
    schema = topology.schema()
    found: dict[str, tuple[str, Any]] = {}
    for kind, base in BASES.items():
        for leaf in _leaves(schema["$defs"][kind], schema):
            tree = leaf if isinstance(leaf, dict) else {}
            found.setdefault(f"{kind} {json.dumps(tree)}", (kind, {**base, **tree}))
    return list(found.values())


ENTRIES = _entries()


def _text(kind: str, entry: Any, written: str, *, faulty: bool) -> str:
    system, _, noun = kind.partition(".")
    definition = provider.definition(system)
    found = definition.kind(noun)
    entries: Any = [_marked(entry, written)] if found.is_list else {"one": _marked(entry, written)}
    section: dict[str, Any] = {found.plural: entries}
    if kind == "rabbitmq.binding":
        section["queues"] = {"base": {}}
    if faulty:
        section["nonsense"] = 1
    tree = {
        "bizops": 1,
        "name": "shop",
        "connections": {system: {"bootstrap.servers": "k:9092"} if system == "kafka" else {}},
        system: section,
    }
    return json.dumps(tree, ensure_ascii=False)


def said_of(folder: Path, text: str, secret: str) -> tuple[str, bool]:
    """Give all that the commands print of a file, and whether it is valid."""
    (folder / "bizops.yaml").write_text(text, encoding="utf-8")
    variables = {"SECRET_X": secret, "HELD": "held-by-the-engine"}
    try:
        loaded = topology.load(["bizops.yaml"], variables=variables, directory=folder)
    except errors.TopologyError as error:
        told = [render.error_text(error, STYLE), json.dumps(render.error_json(error))]
        return "\n".join(told), False
    return "\n".join([*loaded.warnings, *outputs(loaded, secret)]), True


def outputs(loaded: Topology, secret: str) -> Iterator[str]:
    names = set(loaded.names)
    heading = Heading("shop", "", loaded.files, (), ())
    for plan in (_plan(loaded, None), _plan(loaded, secret)):
        live = {str(change.address) for change in plan.changes}
        redaction = Redaction(loaded.secrets, names | live, loaded.named)
        shown = render.veiled(plan, redaction.text)
        for verbose in (False, True):
            yield redaction.text(render.plan_text(shown, STYLE, heading=heading, verbose=verbose))
        yield redaction.text(render.drift_text(shown, STYLE, heading=heading))
        yield json.dumps(redaction.document(render.plan_json(shown, heading=heading)))
        yield json.dumps(redaction.document(render.drift_json(shown, heading=heading)))
        for change in plan.changes[-1:]:
            known = f"{secret} and {quote(secret)}" if secret in loaded.secrets else "it"
            echo = f"refused: {known}; was {change.fields}"
            outcome = Outcome(Step(change.action, change), Status.FAILED, echo, (echo,))
            outcome = render.veiled_outcome(outcome, redaction.text)
            yield redaction.text(render.outcome_text(outcome, STYLE))
            yield json.dumps(redaction.document(render.outcome_json(outcome)))


def _plan(loaded: Topology, secret: str | None) -> Plan:
    """Plan against nothing, or against objects that hold another value wherever the file has the secret."""
    observed = {}
    for name in loaded.scopes:
        found = tuple(
            Observation(r.address, Presence.ABSENT)
            if secret is None
            else Observation(
                r.address,
                Presence.PRESENT,
                tuple((p, Field(_old(v, secret), "spec")) for p, v in r.spec.fields().items()),
                owner="shop",
                raw={"Spec": {"Name": "one", "Mode": {}, "TaskTemplate": {"ContainerSpec": {}}}},
            )
            for r in loaded.resources
            if r.address.provider == name
        )
        observed[name] = Observations(System(name, "here"), found)
    desired = Desired("shop", loaded.resources, loaded.scopes)
    return planner.plan(desired, observed, Targeting())


def _old(value: Any, secret: str) -> Any:
    if isinstance(value, Secret):
        return Secret(value.reveal().replace(secret, OLD))
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(_old(each, secret) for each in value)
    if not isinstance(value, str) or secret not in value:
        return value
    text = value.replace(secret, OLD)
    return Entry(text, value.raw) if isinstance(value, Entry) else text


@pytest.mark.parametrize(
    ("secret", "written", "is_faulty"),
    [
        (MARK, "${SECRET_X}", False),
        (ODD, "a${SECRET_X}", False),
        (TOKEN, "${SECRET_X}", False),
        (PHRASE, "${SECRET_X}", False),
        (PHRASE, "run --x=${SECRET_X} on", False),
        (MARK, "a${SECRET_X}", True),
        (PHRASE, "a${SECRET_X}", True),
    ],
)
def test_c1_a_marked_secret_is_in_no_output(
    tmp_path: Path, secret: str, written: str, is_faulty: bool
) -> None:
    """From a variable, in every text of every kind: neither it nor its encoded forms are printed."""
    shown, valid = [], 0
    for kind, entry in ENTRIES:
        text = _text(kind, entry, written, faulty=is_faulty)
        said, is_valid = said_of(tmp_path, text, secret)
        valid += is_valid
        if found := found_in(said, (secret, OLD)):
            shown.append((kind, entry, found, said))
    assert len(ENTRIES) > 300
    assert is_faulty or valid > 50
    assert shown[:1] == []


@pytest.mark.parametrize(
    ("kind", "entry", "secret", "spelt"),
    [
        ("rabbitmq.queue", {"message_ttl": "MARKED"}, "7260s", "2h1m"),
        ("kafka.topic", {"configs": {"retention.ms": "MARKED"}}, "7260s", "2h1m"),
        ("swarm.service", {"stop_grace_period": "MARKED"}, "7260s", "2h1m"),
        ("swarm.service", {"image": "MARKED"}, "docker.io/library/wombat9:7", "wombat9:7"),
        ("swarm.service", {"cap_add": ["MARKED"]}, "wombat9", "CAP_WOMBAT9"),
        ("swarm.service", {"cap_drop": "MARKED"}, "wombat9", "CAP_WOMBAT9"),
        ("swarm.service", {"extra_hosts": ["h:MARKED"]}, "[10.97.31.7]", "10.97.31.7"),
        ("swarm.service", {"ports": ["MARKED"]}, "19731:8087/udp", "19731"),
        ("swarm.service", {"tmpfs": ["/x:size=MARKED"]}, "97312kb", "97312"),
    ],
)
def test_a_secret_is_hidden_also_where_it_is_shown_in_another_form(
    tmp_path: Path, kind: str, entry: Any, secret: str, spelt: str
) -> None:
    """What comes of the variable is known by where it stands, whatever was made of it."""
    text = _text(kind, {**BASES[kind], **entry}, "${SECRET_X}", faulty=False)
    said, is_valid = said_of(tmp_path, text, secret)
    assert is_valid, said
    assert spelt not in said
    assert "hidden" in said
