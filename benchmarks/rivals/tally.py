"""What every contestant counts in itself: seconds from its start to the first task, tasks a second, CPU, memory."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

SLOTS = int(sys.argv[3]) if sys.argv[1:2] == ["work"] else 8
BODY = "x" * 1024
HOST, PORT = "127.0.0.1", 5672
RESULTS = f"redis://{HOST}:6379/8"
"""Where results are kept, by each contestant that keeps them."""
RESULT_SECONDS = 300
VHOST = os.environ["BENCH_VHOST"]


def resident() -> float:
    """Give the resident set in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class Tally:
    """Counts finished tasks from several threads; at the expected number it prints what it saw, and ends the process.

    The harness puts the time at which it started the process into BENCH_BEGAN.
    """

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._guard = threading.Lock()
        self._count = 0
        self._first = self._cpu = 0.0
        self._idle = 0.0

    def begin(self) -> None:
        """Note that a task begins."""
        if not self._first:
            with self._guard:
                self._first = self._first or time.time()
                self._idle = self._idle or resident()
                self._cpu = self._cpu or time.process_time()

    def end(self) -> None:
        """Count a task that is finished."""
        with self._guard:
            self._count += 1
            if self._count < self._expected:
                return
        seconds = time.time() - self._first
        print(
            json.dumps({
                "start": self._first - float(os.environ["BENCH_BEGAN"]),
                "rate": self._count / seconds,
                "cpu_us": (time.process_time() - self._cpu) / self._count * 1e6,
                "idle_mib": self._idle,
                "rss_mib": resident(),
            }),
            flush=True,
        )  # fmt: skip
        # What the last tasks' acknowledgements still need, in every contestant alike.
        time.sleep(0.5)
        os._exit(0)
