"""The image's HEALTHCHECK: `python -m workers.probe` exits 0 while `/livez` answers 200. Imports nothing heavy."""

from __future__ import annotations

import http.client
import os
import sys

DEFAULT_PORT = 8080
TIMEOUT = 4


def main() -> int:
    """Ask `/livez` on the port that HEALTH_PORT names; 0 where the worker lives."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", int(os.environ.get("HEALTH_PORT") or DEFAULT_PORT), timeout=TIMEOUT
    )
    try:
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        body = answer.read()
    except OSError as error:
        sys.stderr.write(f"no answer from /livez: {error}\n")
        return 1
    finally:
        connection.close()
    if answer.status == http.client.OK:
        return 0
    sys.stderr.write(body.decode("utf-8", "replace"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
