"""What is hidden by where it stands, and what stays readable."""

from __future__ import annotations

from typing import Any

import pytest

from bizops.resource import Secret
from bizops.sensitive import hide, is_telltale, pair

TELLTALE = """
password PASSWORD db_password DB_PASS DBPASS pass passwd MYSQL_PWD DB_PW passphrase client-secret
clientSecret token GITHUB_TOKEN splunk-token MAX_TOKENS api_key apiKey APIKEY X-Api-Key KEY private.key accessKey
credential credentials AWS_CREDENTIALS REDISCLI_AUTH AUTHORIZATION basic-auth RABBITMQ_ERLANG_COOKIE cookie
DATABASE_CONN SENTRY_DSN sasl.jaas.config ssl.keystore.password requirepass masterauth.token
""".split()  # noqa: SIM905 - read as words
READABLE = """
author authority max-connections connection_limit monkey keyboard keystone tokenizer passenger bypass compass
compassion secretary routing_key x-dead-letter-routing-key dead-letter-routing-key secret secrets secret_defaults
hostname QUEUE_NAME message_ttl max.message.bytes retention.ms connect_timeout cookiecutter keyspace
authenticator passive spawn pwned tokenized replicas image labels
""".split()  # noqa: SIM905 - read as words


@pytest.mark.parametrize("name", TELLTALE)
def test_a_telltale_name_is_known(name: str) -> None:
    assert is_telltale(name)


@pytest.mark.parametrize("name", READABLE)
def test_other_names_stay_readable(name: str) -> None:
    assert not is_telltale(name)


H = "hunter2"
PLACES: dict[str, tuple[tuple[str, ...], Any, Any]] = {
    "under a name": (("deploy", "labels", "x-token"), H, Secret(H)),
    "after a flag": (("command",), ("redis-server", "--requirepass", H), (1, 1, Secret(H))),
    "after redis' own": (("command",), ("redis-cli", "-a", H, "ping"), (1, 1, Secret(H), 1)),
    "in a flag": (("command",), ("x", f"--password={H}"), (1, Secret(f"--password={H}"))),
    "in a shell": (
        ("healthcheck", "test"),
        ("CMD-SHELL", f"PGPASSWORD={H} psql"),
        (1, Secret(f"PGPASSWORD={H} psql")),
    ),
    "in a shell, after a flag": (
        ("command",),
        ("sh", "-c", f"redis-cli -a {H} ping"),
        (1, 1, Secret(f"redis-cli -a {H} ping")),
    ),
    "in a URL": (("entrypoint",), (f"amqp://u:{H}@host/",), (Secret(f"amqp://u:{H}@host/"),)),
    "with a slash": (("user",), f"amqp://u:pa/{H}@host", Secret(f"amqp://u:pa/{H}@host")),
    "among pairs": (("logging", "options"), (("splunk-token", H),), (("splunk-token", Secret(H)),)),
    "in options": (
        ("volumes",),
        (f"username=u,password={H}",),
        (Secret(f"username=u,password={H}"),),
    ),
}
OPEN = {
    "no value": (("command",), ("ls", "-a", "folder")),
    "a variable": (("command",), ("sh", "-c", "psql --password=$PW")),
    "a file": (("command",), ("x", "--key=/run/secrets/tls.key")),
    "a host": (("command",), ("x", "http://host:8080/a@b")),
    "a routing key": (("dead_letter", "routing_key"), "orders"),
    "names of secrets": (("secrets",), ("rabbitmq_pass", "openai_api_key")),
}


@pytest.mark.parametrize("place", PLACES)
def test_it_is_hidden_wherever_it_stands(place: str) -> None:
    path, value, expected = PLACES[place]
    found = hide(path, value)
    if isinstance(expected, tuple):
        expected = tuple(value[at] if each == 1 else each for at, each in enumerate(expected))
    assert found == expected
    assert H not in repr(found)


@pytest.mark.parametrize("place", OPEN)
def test_what_tells_nothing_stays(place: str) -> None:
    path, value = OPEN[place]
    assert hide(path, value) == value


def test_s4_where_one_side_is_hidden_so_is_the_other() -> None:
    """The old password is known to nobody but the live system."""
    before, after = ("serve", "old-one", "-x"), ("serve", "new-one", "-x")
    shown = pair(("command",), before, after, lambda text: text == "new-one")
    assert shown == (("serve", Secret("old-one"), "-x"), ("serve", Secret("new-one"), "-x"))


@pytest.mark.parametrize(
    ("before", "after", "hidden"),
    [
        (("serve", "old", "one", "-x"), ("serve", "new-one", "-x"), ("old", "one")),
        (("serve", "-x", "old-one"), ("serve", "new-one", "-x", "-y"), ("old-one",)),
        (("A", "OLD"), ("A", "B", "new-one"), ("OLD",)),
        (("OLD", "ZED"), ("ZED", "new-one"), ("OLD",)),
    ],
)
def test_s4_of_lists_of_other_lengths_or_sorted_ones_the_places_say_nothing(
    before: tuple[str, ...], after: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    """The old password has as many words as it had, and stands where its letters put it."""
    mine, _ = pair(("command",), before, after, lambda text: text == "new-one")
    assert {each.reveal() for each in mine if isinstance(each, Secret)} >= set(hidden)
    assert "serve" not in before or "serve" in mine


def test_s4_a_value_that_is_new_has_nothing_before_it() -> None:
    assert pair(("user",), None, "new", lambda _: True) == (None, Secret("new"))


@pytest.mark.parametrize("piece", ["x", "x-", "a:", "a:b,", "://", "a=", "-a ", "u:p@", " "])
def test_c1_a_long_value_takes_no_longer_than_its_length(piece: str) -> None:
    """A value may have 65,536 characters; what grows with their square would take minutes."""
    hide(("command",), (piece * (200_000 // len(piece)),))


@pytest.mark.parametrize(
    ("name", "is_told"), [("PWD", False), ("OLDPWD", False), ("MYSQL_PWD", True), ("pwd", True)]
)
def test_the_working_directory_of_the_shell_is_no_password(name: str, is_told: bool) -> None:
    assert is_telltale(name) is is_told
