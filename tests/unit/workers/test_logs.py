from __future__ import annotations

import json
import logging
import sys
from typing import Any

from workers.logs import JsonFormatter, about
from workers.redaction import HIDDEN, Redactor


def line(message: str, secrets: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    record = logging.LogRecord("workers.x", logging.INFO, "x.py", 1, message, (), None)
    vars(record).update(fields)
    found: dict[str, Any] = json.loads(JsonFormatter(Redactor(secrets)).format(record))
    return found


def test_a_line_is_one_json_object_with_the_fields_of_its_task() -> None:
    with about(task_id="t1", trace_id="tr"), about(attempt=2):
        found = line("task_answered", model="openai/x")

    assert found["event"] == "task_answered"
    assert found["level"] == "info"
    assert {k: found[k] for k in ("task_id", "trace_id", "attempt", "model")} == {
        "task_id": "t1",
        "trace_id": "tr",
        "attempt": 2,
        "model": "openai/x",
    }
    assert "task_id" not in line("later")


def test_a_known_secret_is_in_no_part_of_a_line() -> None:
    secret = 'sk-"quoted"\\and-é'

    found = line(f"said {secret}", (secret, "abc"), reason=f"key {secret} refused", word="abc")

    assert secret not in json.dumps(found, ensure_ascii=False)
    assert found["event"] == f"said {HIDDEN}"
    assert found["reason"] == f"key {HIDDEN} refused"
    assert found["word"] == "abc"


def test_an_exception_is_part_of_the_line_and_filtered_too() -> None:
    try:
        {}["wrong key sk-made-up"]
    except KeyError:
        record = logging.LogRecord(
            "workers.x", logging.ERROR, "x.py", 1, "oops", (), sys.exc_info()
        )

    text = JsonFormatter(Redactor(["sk-made-up"])).format(record)

    assert "\n" not in text
    assert "sk-made-up" not in text
    assert "KeyError" in json.loads(text)["exception"]


def test_half_a_character_is_escaped_since_no_stream_takes_it() -> None:
    assert line("failed", error="bad \ud83d")["error"] == "bad \ud83d"
    record = logging.LogRecord("workers.x", logging.INFO, "x.py", 1, "bad \ud83d", (), None)
    assert JsonFormatter(Redactor()).format(record).encode()
