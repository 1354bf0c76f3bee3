"""Make 100 services without tasks, or clean them: `services.py make|clean NAME`."""

import sys
from concurrent.futures import ThreadPoolExecutor

import docker

NUMBER = 100
IMAGE = "127.0.0.1:5000/bizops/placeholder:1"


def main(verb: str, name: str) -> None:
    """Raw specs over eight connections."""
    client = docker.APIClient(version="auto")

    def make(index: int) -> None:
        spec = {
            "Name": f"{name}-s{index:03}",
            "Mode": {"Replicated": {"Replicas": 0}},
            "TaskTemplate": {"ContainerSpec": {"Image": IMAGE, "Args": ["sleep", "infinity"]}},
        }
        client.post(
            f"{client.base_url}/v{client.api_version}/services/create", json=spec
        ).raise_for_status()

    if verb == "clean":
        for service in client.services(filters={"name": name}):
            client.remove_service(service["ID"])
        return
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(NUMBER)))


if __name__ == "__main__":
    main(*sys.argv[1:])
