from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import InvalidTaskError
from workers.protocol.task import MAX_SAID, UNKNOWN, Task, find_id, read_task
from workers.redaction import Redactor

GOOD = {
    "id": "test-order-001",
    "description": "Process test order for customer validation",
    "expected_output": "Order validation result with fraud score",
}
MOST = 10_000


def faults_of(body: bytes) -> tuple[str, ...]:
    with pytest.raises(InvalidTaskError) as caught:
        read_task(body, MOST)
    return caught.value.faults


def test_the_seeds_task_is_one() -> None:
    assert read_task(json.dumps(GOOD).encode(), MOST) == Task(**GOOD)


def test_a_task_reads_back_what_it_wrote() -> None:
    task = Task("é-1", "do {this}", "that", {"order": {"total": 12.5}})

    assert read_task(task.to_json(), MOST) == task


def test_everything_that_is_wrong_is_named_at_once() -> None:
    faults = faults_of(json.dumps({"id": 7, "description": "", "context": []}).encode())

    assert [fault.split(":")[0] for fault in faults] == ["$", "$.context", "$.description", "$.id"]
    assert "'expected_output' is a required property" in faults[0]


def test_a_fault_is_cut_after_a_secret_in_it_is_hidden() -> None:
    """Half of one is one too; behind the cut nobody looks."""
    halved = "x" * (MAX_SAID - 6) + "open-sesame"
    redact = Redactor(["open-sesame"]).redact
    for description in ([halved], [halved + "y" * 100_000], [halved * 1000]):
        body = json.dumps({**GOOD, "description": description}).encode()

        with pytest.raises(InvalidTaskError) as caught:
            read_task(body, 1 << 20, hide=redact)

        (fault,) = caught.value.faults
        assert "open" not in fault
        assert len(fault) < MAX_SAID + 50


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not"),
        (b"[" * 5000, "nested more than 100 levels deep"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "nested more than 100 levels deep"),
        (json.dumps({**GOOD, "context": {"a": float("nan")}}).encode(), "NaN is no number of JSON"),
        (b'{"a": 1e999}', "1e999 is larger than any number"),
        (b"[]", "is not of type 'object'"),
        (b"x" * (MOST + 1), f"has {MOST + 1} bytes, and {MOST} are allowed"),
        (json.dumps({**GOOD, "id": "a\nb"}).encode(), "$.id"),
        (json.dumps({**GOOD, "id": "x" * 201}).encode(), "$.id"),
        (json.dumps({**GOOD, "id": "\ud83d"}).encode(), r"holds '\ud83d': half a character"),
    ],
)
def test_what_is_no_task_says_why(body: bytes, said: str) -> None:
    assert said in "".join(faults_of(body))


def test_a_fault_does_not_repeat_a_whole_body() -> None:
    (fault,) = faults_of(json.dumps({**GOOD, "description": ["x" * 5000]}).encode())

    assert len(fault) < MAX_SAID + 50


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_body_is_a_task_or_has_faults(body: bytes) -> None:
    try:
        task, faults = read_task(body, MOST), ()
    except InvalidTaskError as error:
        task, faults = None, error.faults
    assert bool(faults) is (task is None)
    assert find_id(body, MOST) == (task.id if task else find_id(body, MOST))


def test_an_id_is_found_where_the_rest_is_wrong() -> None:
    assert find_id(b'{"id": "t1"}', MOST) == "t1"
    assert find_id(rb'{"id": "\ud83d\ude00"}', MOST) == "\U0001f600"


def test_a_body_without_an_id_is_named_by_its_digest() -> None:
    bodies = (b'{"id": 1}', b"no", b'{"id": ""}', b"\xff", rb'{"id": "\ud83d"}')
    names = {find_id(body, MOST) for body in bodies}

    assert len(names) == len(bodies)
    assert all(name.startswith(f"{UNKNOWN}-") for name in names)
    assert find_id(b"no", MOST) == find_id(b"no", MOST)
    assert find_id(b'{"id": "t1"}', 3).startswith(f"{UNKNOWN}-")


def test_two_tasks_of_one_id_have_one_digest_only_if_they_ask_for_the_same() -> None:
    task = Task("a", "do", "that", {"x": 1, "y": 2})

    assert task.digest == Task("b", "do", "that", {"y": 2, "x": 1}).digest
    assert task.digest != Task("a", "do", "that", {"x": 1}).digest
