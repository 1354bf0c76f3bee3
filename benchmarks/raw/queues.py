"""Make or clean 1,000 queues with priority and TTL: `queues.py import|put|clean NAME`."""

import sys
from concurrent.futures import ThreadPoolExecutor

import requests

BASE = "http://127.0.0.1:15672/api"
NUMBER = 1000
ARGUMENTS = {"x-max-priority": 5}


def main(verb: str, name: str) -> None:
    """Make them by a definitions import, or by single PUTs over 16 connections; or remove them."""
    session = requests.Session()
    session.auth = ("guest", "guest")
    session.trust_env = (
        False  # as bizops: neither proxies nor ~/.netrc are looked up for each request
    )
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=16))
    policy = {
        "pattern": f"^{name}_q",
        "apply-to": "queues",
        "priority": 100,
        "definition": {"message-ttl": 3_600_000},
    }
    names = [f"{name}_q{index:04}" for index in range(NUMBER)]

    def put(queue: str) -> None:
        body = {"durable": True, "arguments": ARGUMENTS}
        session.put(f"{BASE}/queues/%2F/{queue}", json=body).raise_for_status()

    def delete(queue: str) -> None:
        session.delete(f"{BASE}/queues/%2F/{queue}").raise_for_status()

    if verb == "import":
        queue = {"durable": True, "auto_delete": False, "arguments": ARGUMENTS}
        body = {
            "queues": [{"name": each, **queue} for each in names],
            "policies": [{"name": name, **policy}],
        }
        session.post(f"{BASE}/definitions/%2F", json=body).raise_for_status()
        return
    with ThreadPoolExecutor(16) as pool:
        if verb == "put":
            session.put(f"{BASE}/policies/%2F/{name}", json=policy).raise_for_status()
        list(pool.map(put if verb == "put" else delete, names))
    if verb == "clean":
        session.delete(f"{BASE}/policies/%2F/{name}").raise_for_status()


if __name__ == "__main__":
    main(*sys.argv[1:])
