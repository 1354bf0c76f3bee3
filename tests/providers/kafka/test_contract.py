"""The contract of every provider, against a real cluster of three brokers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import NewTopic

from bizops.testing import ProviderContract, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka.admin import AdminClient

    from bizops.provider import Provider
    from bizops.resource import Resource


@pytest.mark.integration
class TestKafkaContract(ProviderContract):
    """Topics with and without configs."""

    @pytest.fixture
    def dead(self, connect: Callable[..., Provider]) -> Provider:
        """Give a provider whose cluster does not answer."""
        return connect("127.0.0.1:1", timeout=3)

    @pytest.fixture
    def samples(self, topic: Callable[..., Resource]) -> list[Sample]:
        """Give a topic with everything, and one with nothing but a partition."""
        full = {"partitions": 2, "replication_factor": 2}
        return [
            Sample(
                topic("full", **full, configs={"retention.ms": "7d", "segment.bytes": "64MiB"}),
                (
                    topic("full", **full, configs={"retention.ms": "8d"}),
                    topic("full", **full, configs={"retention.ms": "8d", "segment.ms": "1d"}),
                    topic("full", **full, configs={"cleanup.policy": ["delete", "compact"]}),
                    topic("full", **{**full, "partitions": 3}),
                ),
            ),
            Sample(topic("bare", partitions=1), (topic("bare", partitions=2),)),
        ]

    @pytest.fixture
    def witness(self, prefix: str, described: Callable[[str], str]) -> Callable[[], str]:
        """Give TopicCommand's words about the samples."""
        return lambda: described(f"{prefix}.*")

    @pytest.fixture
    def stranger(
        self, admin: AdminClient, prefix: str, overrides: Callable[[str], dict[str, str]]
    ) -> Callable[[], Callable[[], str]]:
        """Make a topic beside the samples, and read it back with a client of the tests' own."""
        name = f"{prefix}full-of-others"

        def _read() -> str:
            for _ in range(40):
                try:
                    return f"{admin.list_topics(timeout=30).topics[name]} {overrides(name)}"
                except (KeyError, KafkaException):
                    time.sleep(0.5)  # the broker that answered has not heard of it yet
            return ""

        def _stranger() -> Callable[[], str]:
            new = NewTopic(name, 1, 1, config={"retention.ms": "1000"})
            admin.create_topics([new])[name].result()
            return _read

        return _stranger
