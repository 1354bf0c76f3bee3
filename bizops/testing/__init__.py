"""For people who write a provider, and for our own tests: the contract as a test suite, and an in-memory provider.

Subclass `ProviderContract` in a test module and give the fixtures that it names; pytest runs the rest against the
real system. `fake_definition` is the smallest provider that keeps the contract.
"""

from bizops.testing.contract import ProviderContract, Sample
from bizops.testing.driving import carry_out, converge, destroy, guarded, plan_for
from bizops.testing.fake import FakeProvider, Thing, fake_address, fake_definition, installed

__all__ = [
    "FakeProvider",
    "ProviderContract",
    "Sample",
    "Thing",
    "carry_out",
    "converge",
    "destroy",
    "fake_address",
    "fake_definition",
    "guarded",
    "installed",
    "plan_for",
]
