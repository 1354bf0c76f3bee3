"""Make 1,000 topics and wait until every broker lists them, or clean them: `topics.py make|clean NAME`."""

import sys
import time

from confluent_kafka.admin import AdminClient, NewTopic

PORTS = (9092, 9093, 9094)
NUMBER = 1000


def main(verb: str, name: str) -> None:
    """One request for all of them."""
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{PORTS[0]}"})
    names = [f"{name}.t{index:04}" for index in range(NUMBER)]
    if verb == "clean":
        asked = admin.delete_topics(names)
    else:
        config = {"retention.ms": "604800000"}
        asked = admin.create_topics([NewTopic(each, 1, 2, config=config) for each in names])
    for future in asked.values():
        future.result()
    for port in PORTS if verb == "make" else ():
        one = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}"})
        while sum(each.startswith(name) for each in one.list_topics(timeout=20).topics) < NUMBER:
            time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
