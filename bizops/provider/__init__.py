"""The contract between the core and a provider.

A provider is a folder in `bizops/providers/` that exposes `DEFINITION`. The definition is pure and imports no client
library: it says which kinds exist, how their fields may change and what follows from a declaration. `connect` gives
the one object that talks to the live system.
"""

from bizops.provider.kind import (
    IN_PLACE,
    Finding,
    Kind,
    Mutability,
    Reference,
    Rule,
    Transition,
    Verdict,
)
from bizops.provider.live import (
    Bystander,
    DataAtRisk,
    Health,
    Lease,
    Observations,
    Options,
    Provider,
    never,
)
from bizops.provider.offline import Definition, Derived, definition, names, no_derivation
from bizops.provider.scope import Scope, is_match
from bizops.provider.undeclared import fixed
from bizops.provider.versions import Lack, Versions

__all__ = [
    "IN_PLACE",
    "Bystander",
    "DataAtRisk",
    "Definition",
    "Derived",
    "Finding",
    "Health",
    "Kind",
    "Lack",
    "Lease",
    "Mutability",
    "Observations",
    "Options",
    "Provider",
    "Reference",
    "Rule",
    "Scope",
    "Transition",
    "Verdict",
    "Versions",
    "definition",
    "fixed",
    "is_match",
    "names",
    "never",
    "no_derivation",
]
