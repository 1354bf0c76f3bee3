"""The reads of a plan, by the raw clients, side by side."""

import threading


def read_rabbitmq() -> None:
    """Make the reads of one vhost."""
    import requests  # noqa: PLC0415 - each thread pays for its own client, as bizops does

    with requests.Session() as session:
        session.auth = ("guest", "guest")
        for path in (
            "overview",
            "queues/%2F?disable_stats=true&enable_queue_totals=true",
            "exchanges/%2F",
            "bindings/%2F",
            "policies/%2F",
            "operator-policies/%2F",
        ):
            session.get(f"http://127.0.0.1:15672/api/{path}", timeout=20).json()


def read_kafka() -> None:
    """Read the metadata, and the configs of every topic in one request."""
    from confluent_kafka.admin import AdminClient, ConfigResource  # noqa: PLC0415 - as above

    admin = AdminClient({"bootstrap.servers": "127.0.0.1:9092"})
    names = [name for name in admin.list_topics(timeout=20).topics if not name.startswith("__")]
    if names:
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
        for future in admin.describe_configs(resources).values():
            future.result()


def read_swarm() -> None:
    """List what a plan compares."""
    import docker  # noqa: PLC0415 - as above

    client = docker.APIClient(version="auto")
    client.services()
    client.networks()
    client.secrets()
    client.nodes()
    client.inspect_swarm()


if __name__ == "__main__":
    threads = [threading.Thread(target=read) for read in (read_rabbitmq, read_kafka, read_swarm)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
