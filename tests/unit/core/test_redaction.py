"""The filter that all output passes: what it hides, and what it leaves readable (C1)."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from bizops.redaction import HIDDEN, Redaction

PASSWORD = 'pa/ss w+rd "x"&é'
ESCAPED = {
    "as it is": PASSWORD,
    "percent-encoded": quote(PASSWORD, safe=""),
    "with its slash": quote(PASSWORD),
    "with small digits": quote(PASSWORD, safe="").lower(),
    "as a form has it": quote_plus(PASSWORD),
    "in JSON": json.dumps(PASSWORD)[1:-1],
    "in JSON as UTF-8": json.dumps(PASSWORD, ensure_ascii=False)[1:-1],
    "in HTML": html.escape(PASSWORD),
    "wrapped": PASSWORD.replace(" ", "\n      "),
}


@pytest.mark.parametrize("form", ESCAPED)
def test_c1_a_known_secret_is_hidden_in_each_form(form: str) -> None:
    assert Redaction([PASSWORD]).text(f"said {ESCAPED[form]}!") == f"said {HIDDEN}!"


@pytest.mark.parametrize("secret", ["guest", "hunter2", PASSWORD])
@pytest.mark.parametrize("user", ["", "u:", "me:", "guest:", "administrator:"])
def test_c1_a_known_secret_is_hidden_within_base64(secret: str, user: str) -> None:
    """As in the header that a server repeats; the name of a user may be any, and the secret one of the names."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        header = encode(f"{user}{secret}".encode()).decode()
        said = Redaction([secret], ["guest"]).text(f"Authorization: Basic {header}, refused")
        assert said == f"Authorization: Basic {HIDDEN}, refused"


@pytest.mark.parametrize("word", ["none", "test", "NULL", "unused", "4096", "true", "image"])
def test_c1_a_value_that_says_nothing_is_not_taken_out_of_other_text(word: str) -> None:
    assert Redaction([word]).text(f"a {word} and more") == f"a {word} and more"


@pytest.mark.parametrize(
    "text",
    [
        "ssh://ops@manager2:22",
        "http://host:8080/a@b",
        "registry:5000/img:1@sha256:0123456789abcdef",
        "rabbitmq.binding/amq.topic:x:q@vhost",
        "mail to ops@corp.example",
        "[::1]:8080/a@b",
        "http://[::1]:8080/a@b",
    ],
)
def test_c1_what_is_no_user_info_stays(text: str) -> None:
    assert Redaction().text(text) == text


def test_c1_a_name_that_the_topology_makes_of_a_secret_is_not_kept() -> None:
    names = ["rabbitmq.binding/a:hunter2:q", "hunter2"]
    document = {"hunter2": "rabbitmq.binding/a:hunter2:q"}
    assert Redaction(["hunter2"], names).document(document) == document
    hidden = Redaction(["hunter2"], names, ["hunter2"]).document(document)
    assert hidden == {HIDDEN: f"rabbitmq.binding/a:{HIDDEN}:q"}
