"""Which broker is the active controller, as Kafka's own tool tells it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stack.servers import Server

_TOOL = (
    "exec java -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile=/etc/kafka/log4j2.properties "
    "-cp '/opt/kafka/libs/*' org.apache.kafka.tools.MetadataQuorumCommand "
    '--bootstrap-server "$(hostname):19092" describe --status'
)


def controller(broker: Server) -> int:
    """Give the id of the active controller, which the metadata does not tell; any broker knows it."""
    found = re.search(r"LeaderId:\s+(\d+)", broker.run("sh", "-c", _TOOL))
    assert found
    return int(found[1])
