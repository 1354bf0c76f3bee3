from __future__ import annotations

import threading
import time

import pytest

from workers.engine.interface import Deadline
from workers.errors import TransientError


def test_a_deadline_that_is_over_says_so() -> None:
    deadline = Deadline(0)

    assert deadline.seconds_left == 0
    with pytest.raises(TransientError) as caught:
        deadline.check()
    assert caught.value.error_class == "time_limit"


def test_a_run_that_is_called_off_wakes_from_its_sleep() -> None:
    deadline = Deadline(60)
    deadline.check()
    threading.Timer(0.05, deadline.call_off).start()
    begun = time.monotonic()

    with pytest.raises(TransientError) as caught:
        deadline.sleep(30)

    assert caught.value.error_class == "called_off"
    assert time.monotonic() - begun < 10
    assert deadline.seconds_left == 0


def test_a_sleep_within_the_limit_just_ends() -> None:
    deadline = Deadline(60)
    deadline.sleep(0.01)
    deadline.check()
