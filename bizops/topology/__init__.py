"""The topology: YAML files in, resources out, or every fault at once.

`load` reads, `schema` describes what `load` takes. Nothing here asks a live system.
"""

from bizops.topology.loading import Topology, load
from bizops.topology.schema import schema

__all__ = ["Topology", "load", "schema"]
