"""The filter that all output passes: what it hides, and what it leaves readable (C1)."""

from __future__ import annotations

import base64
import html
import json
import time
from urllib.parse import quote, quote_plus

import pytest

from bizops.redaction import HIDDEN, Redaction
from bizops.resource import Address

PASSWORD = 'pa/ss w+rd "x"&é'
TOKEN = "Zk3/9s+Tq#w8:B1 a@b%25\\"
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


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("pZ9/q+Rs=Tu7@vWx", "pZ9%2Fq+Rs=Tu7%40vWx"),
        ("pZ9/q+Rs=Tu7@vWx", "pZ9\\/q+Rs=Tu7@vWx"),
        ("pZ9/q+Rs=Tu7@vWx", "pZ9/q\\u002BRs=Tu7@vWx"),
        ("pZ9/q+Rs=Tu7@vWx", "pZ9/q\\\\u002bRs=Tu7@vWx"),
        ("pZ9/q+Rs=Tu7@vWx", "pZ9%252fq%252BRs=Tu7&#64;vWx"),
        ("pZ9/q+Rs=Tu7@vWx", "%70%5A9%2fq%2bRs=Tu7@vWx"),
        ("pZ9/q+Rs=Tu7@vWx", "\\u0070Z9/q+Rs=Tu7@\\u0076Wx"),
        ('a "b" c\\d', json.dumps(json.dumps(json.dumps('a "b" c\\d')))[7:-7]),
        ("it's <é&€>", "it&#39;s+&amp;lt;\\xe9%26\\u20AC\\u003e"),
        ("smile \U0001f600 x", "smile\\n\\ud83d\\ude00 x"),
        (TOKEN, str(Address("", "", (TOKEN,)))[2:]),
        (TOKEN, quote(TOKEN, safe="+=")),
        ("abcd", "YWJjZA=="),
        (" spaces around ", "spaces around"),
    ],
)
def test_c1_a_known_secret_is_hidden_in_any_mixture_of_forms(secret: str, said: str) -> None:
    """Who writes a text decides which characters are escaped, and how."""
    assert Redaction([secret]).text(f"said {said}!") == f"said {HIDDEN}!"


def test_c1_secrets_that_overlap_are_hidden_whole() -> None:
    assert Redaction(["left-mid", "mid-right"]).text("a left-mid-right b") == f"a {HIDDEN} b"


def test_a_name_keeps_what_is_escaped_in_it() -> None:
    name = "rabbitmq.queue/orders@shop%2Fmain"
    assert Redaction(["shop/main"], [name]).text(f"{name} of shop/main") == f"{name} of {HIDDEN}"


@pytest.mark.parametrize(
    "secret", ["\\" * 12 + "x", '\\"' * 8, "a b" * 8, "%25" * 8, "&" * 12, "9+/ "]
)
def test_a_long_text_is_filtered_in_little_time(secret: str) -> None:
    """Also one that repeats what a form begins with."""
    text = "".join(
        50_000 * each for each in ("\\", " ", "%25", "%", "&amp;", "&", '\\"', "a b ", "x9")
    )
    start = time.process_time()
    Redaction([secret, "hunter2"]).text(text)
    assert time.process_time() - start < 5


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
