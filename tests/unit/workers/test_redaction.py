from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.redaction import HIDDEN, MAX_SEARCHED, PLACEHOLDERS, Redactor, beginning, shorten

SECRETS = st.text(min_size=6, max_size=40).filter(
    lambda s: s.lower() not in PLACEHOLDERS and s not in HIDDEN
)


@given(secret=SECRETS, before=st.text(max_size=10), after=st.text(max_size=10))
def test_a_known_secret_is_hidden_in_every_form(secret: str, before: str, after: str) -> None:
    redactor = Redactor([secret])
    forms = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
    }

    for form in forms:
        assert HIDDEN in redactor.redact(f"{before} {form} {after}")
        assert secret not in redactor.redact(f"{before} {form} {after}").replace(HIDDEN, "")


@given(
    secret=st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=9, max_size=40),
    before=st.binary(max_size=9),
    after=st.binary(max_size=9),
)
def test_a_known_secret_is_hidden_within_base64(secret: str, before: bytes, after: bytes) -> None:
    encoded = base64.b64encode(before + secret.encode() + after).decode()

    said = Redactor([secret]).redact(f"header {encoded}")

    # All of it but the characters that it shares with its neighbours, one at each end
    assert HIDDEN in said
    left = said.removeprefix("header ").replace(HIDDEN, "", 1)
    assert len(left) <= len(encoded) - len(secret) * 8 // 6 + 2


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcdEFGH1234",
        "Incorrect API key provided: sk-ab***********xyz1",
        "x-api-key sk-ant-api03-abcdefgh",
        "refused: Bearer abcdefgh.12345678-x",
        "Authorization: Basic dXNlcjpwYXNz",
        "cannot reach redis://:abcdefgh@cache:6379/0",
        "postgres://abcdefgh:12345678@db/x",
        "password=abcdefgh",
        "password: 'abcd efgh'",
        '{"api_key": "abcdefgh"}',
        "{'client_secret': 'abcdefgh'}",
        "AWS_SECRET_ACCESS_KEY=abcdefgh12345678",
        "token=abcdefgh&x=1",
        "AKIAABCDEFGH12345678 is not authorized",
        "ghp_abcdefghijklmnopqrst1234 expired",
        "xoxb-1234567890-abcdefgh",
        "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abcdefgh",
        "the file.jwt-eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abcdefgh",
        "-----BEGIN PRIVATE KEY-----\nabcdefgh\n-----END PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_credential_is_hidden(text: str) -> None:
    said = Redactor().redact(text)

    assert HIDDEN in said
    assert [w for w in ("abcd", "1234", "dXNl", "ABCDEFGH") if w in said] == []


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=4096 is above the limit of this model",
        "Unexpected token } at position 12",
        "KeyError: 'order'",
        "the task of monkey-business is over the deadline of 30 s",
        "https://example.org:8443/path?author=me",
        "amqp://rabbitmq:5672/%2F",
        "a basic mistake: task skipped",
        "the secretary keeps the keyboard: two keys",
        "primary key 4711 is there already",
        "token: }",
        "disk-usage at 91 %, risk-taking is not",
    ],
)
def test_what_does_not_stays_readable(text: str) -> None:
    assert Redactor(["none", "abc"]).redact(text) == text


@pytest.mark.parametrize("behind", ["", "y", "y" * 100_000, "open-sesame" * 20_000])
def test_a_secret_is_hidden_before_a_text_is_cut(behind: str) -> None:
    """Half of one is one too, wherever the cut falls."""
    hide = Redactor(["open-sesame"]).redact_known
    for before in range(12):
        said = shorten("x" * before + "open-sesame" + behind, 12, hide)

        assert said.startswith(("x" * before + HIDDEN)[:12])
        assert "open" not in said
        assert len(said) <= 12


def test_an_answer_keeps_what_merely_looks_like_a_secret() -> None:
    redactor = Redactor(["open-sesame"])

    assert redactor.redact_known("open-sesame, password=hunter22") == f"{HIDDEN}, password=hunter22"


def test_texts_within_any_value_are_hidden() -> None:
    secret = "open-sesame"
    found = Redactor([secret]).redact_all(
        {secret: [secret, (1, None, True)], "error": ValueError(secret)}
    )

    assert found == {HIDDEN: [HIDDEN, [1, None, True]], "error": HIDDEN}


@pytest.mark.parametrize(
    "piece",
    [
        *("-eyJ", "eyJaaaaaaaa-", "-eyJaaaaaaaa.", "eyJaaaaaaaa.b.", "sk-", "ghp_", "github_pat_"),
        *("-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "PRIVATE KEY", "-----END ", "bearer "),
        *(
            "://",
            "://a:",
            "a:b@",
            "password",
            "password=",
            'password= "',
            "secret_access_",
            " ",
            "a",
        ),
    ],
)
def test_a_hostile_text_of_a_mebibyte_takes_no_longer_than_another(piece: str) -> None:
    """While a pattern is searched for, no other thread of the process runs."""
    text = piece * ((1 << 20) // len(piece))
    begun = time.process_time()

    Redactor(["open-sesame"]).redact(text)

    assert time.process_time() - begun < 2


def test_the_beginning_of_a_text_ends_with_no_part_of_a_secret() -> None:
    text = "x " * (MAX_SEARCHED // 2 - 2) + "open-sesame"

    assert beginning(text) == text[: -len(" open-sesame")]
    assert beginning("refused: open-sesame") == "refused: open-sesame"
    assert len(beginning("x" * MAX_SEARCHED * 2)) == MAX_SEARCHED
