"""What a fault shows of a secret: nothing, wherever it stands (C1, A4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.topology.test_hidden_values import MARK, ODD, found_in, said_of

if TYPE_CHECKING:
    from pathlib import Path

FAULTS = {
    "an item of a list": 'swarm: {services: {one: {image: "e:1", secrets: ["${SECRET_X}"]}}}',
    "a key in a list": 'swarm: {services: {one: {image: "e:1", environment: ["${SECRET_X}"]}}}',
    "a binding": """\
rabbitmq:
  queues: {base: {}}
  bindings: [{exchange: amq.topic, queue: base, routing_key: "${SECRET_X}", vhost: other}]""",
    "the queue of a binding": """\
rabbitmq: {bindings: [{exchange: amq.topic, queue: "a${SECRET_X}", routing_key: x}]}""",
    "its exchange": """\
rabbitmq: {queues: {base: {}}, bindings: [{exchange: "${SECRET_X}", queue: base, routing_key: x}]}""",
    "two bindings": """\
rabbitmq:
  queues: {base: {}}
  bindings:
    - {exchange: amq.topic, queue: base, routing_key: "${SECRET_X}"}
    - {exchange: amq.topic, queue: base, routing_key: "${SECRET_X}"}""",
    "a name that needs": 'swarm: {services: {one: {image: "e:1", needs: ["swarm.service/${SECRET_X}"]}}}',
    "a vhost": 'rabbitmq: {vhost: "${SECRET_X}", queues: {base: {nonsense: 1}}}',
    "a user": 'rabbitmq: {}\nconnections: {rabbitmq: {username: "${SECRET_X}", nonsense: 1}}',
}


@pytest.mark.parametrize("secret", [MARK, ODD])
@pytest.mark.parametrize("place", FAULTS)
def test_a4_no_secret_of_a_variable_stands_in_an_address_or_a_path(
    tmp_path: Path, place: str, secret: str
) -> None:
    """The line of a fault hides it wherever it stands, and shows the variable where that is the name."""
    said, is_valid = said_of(tmp_path, f"bizops: 1\nname: shop\n{FAULTS[place]}\n", secret)
    assert not is_valid
    assert found_in(said, (secret,)) == []


def test_a4_a_path_shows_the_variable_as_it_is_written(tmp_path: Path) -> None:
    text = f"bizops: 1\nname: shop\n{FAULTS['an item of a list']}\n"
    said, _ = said_of(tmp_path, text, MARK)
    assert "swarm.service/one: secrets.${SECRET_X}: swarm.secret/(hidden) is declared" in said


@pytest.mark.parametrize(
    "connection", ['username: guest, password: "${SECRET_X}"', 'url: "http://guest:${SECRET_X}@h"']
)
def test_a4_a_password_that_is_a_part_of_names_spoils_none(tmp_path: Path, connection: str) -> None:
    """As `guest` may stand in `auto_guests`: only what a variable puts into a name is hidden there."""
    text = f"bizops: 1\nname: shop\nconnections: {{rabbitmq: {{{connection}}}}}"
    text += """
rabbitmq:
  queues: {auto_guests: {}}
  bindings: [{exchange: amq.topic, queue: auto_guests, routing_key: "guest.#"}]
"""
    said, is_valid = said_of(tmp_path, text, "guest")
    assert is_valid
    assert "rabbitmq.binding/amq.topic:guest.%23:auto_guests" in said


URLS = (
    "amqp://u:wombat/9quartz@host",
    "amqp://u:wombat@9quartz@host:5672",
    "u:wombat9quartz@host:15672",
    "u:wombat/9quartz@host",
    "http://wombat9quartz@host",
)


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("setting", ["url", "amqp_url", "bootstrap.servers", "host", "label"])
def test_c1_no_fault_shows_the_password_of_a_url(tmp_path: Path, url: str, setting: str) -> None:
    """Whether it has a scheme or not, and whatever is in the password."""
    texts = {
        "url": f'rabbitmq: {{}}\nconnections: {{rabbitmq: {{url: "{url}", nonsense: 1}}}}',
        "amqp_url": f'rabbitmq: {{}}\nconnections: {{rabbitmq: {{amqp_url: "{url}", nonsense: 1}}}}',
        "bootstrap.servers": f'kafka: {{}}\nconnections: {{kafka: {{bootstrap.servers: "{url}"}}}}',
        "host": f'swarm: {{}}\nconnections: {{swarm: {{host: "{url}", nonsense: 1}}}}',
        "label": f'swarm: {{services: {{a: {{image: "e:1", labels: {{x: "{url}"}}, nonsense: 1}}}}}}',
    }
    said, _ = said_of(tmp_path, f"bizops: 1\nname: shop\n{texts[setting]}\n", "unused")
    assert "wombat" not in said
    assert "9quartz" not in said


MAPS = {
    "a variable": "swarm: {services: {one: {image: e, environment: {DB_PASSWORD: {a: MARK}}}}}",
    "an unknown key": "swarm: {services: {one: {image: e, api_token: {b: [MARK]}}}}",
    "a connection": "connections: {kafka: {bootstrap.servers: h, ssl.key.password: {a: MARK}}}",
    "a secret's own value": "swarm: {secrets: {pw: {value: MARK}}}",
    "a label": "swarm: {services: {one: {image: e, labels: {cookie: {c: MARK}}}}}",
}


@pytest.mark.parametrize("place", MAPS)
def test_c1_a_map_where_one_value_is_to_be_is_hidden_like_one(tmp_path: Path, place: str) -> None:
    text = f"bizops: 1\nname: shop\n{MAPS[place]}\n".replace("MARK", MARK)
    said, is_valid = said_of(tmp_path, text, MARK)
    assert not is_valid
    assert found_in(said, (MARK,)) == []


def test_c1_what_is_only_named_like_a_secret_stays_readable(tmp_path: Path) -> None:
    text = "bizops: 1\nname: shop\nrabbitmq: {queues: {token-refresh: {message_tttl: 17h}}}\n"
    text += "swarm: {services: {one: {image: e, secrets: [{source: tok, targget: there}]}}}\n"
    said, _ = said_of(tmp_path, text, MARK)
    assert "{message_tttl: 17h}" in said
    assert "targget: there" in said
