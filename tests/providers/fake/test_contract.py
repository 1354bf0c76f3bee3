"""The in-memory provider keeps the contract that it is handed out as an example of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bizops.provider import Scope
from bizops.resource import Resource
from bizops.testing import (
    FakeProvider,
    ProviderContract,
    Sample,
    Thing,
    fake_address,
    fake_definition,
    installed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def thing(name: str, **settings: object) -> Resource:
    return Resource(fake_address(name), Thing.model_validate(settings))


class TestFake(ProviderContract):
    @pytest.fixture
    def live(self) -> Iterator[FakeProvider]:
        with installed(fake_definition()):
            yield FakeProvider()

    @pytest.fixture
    def dead(self) -> FakeProvider:
        return FakeProvider(problem="nobody answers")

    @pytest.fixture
    def scope(self) -> Scope:
        return Scope("contract")

    @pytest.fixture
    def samples(self) -> list[Sample]:
        first = thing("t", size=1, shape="round", tags=(("a", "1"),))
        return [
            Sample(
                first,
                (
                    thing("t", size=2, shape="round", tags=(("a", "1"),)),
                    thing("t", size=2, shape="round", tags=(("a", "2"), ("b", "3"))),
                    thing("t", size=3, shape="round", tags=(("b", "3"),)),
                ),
            )
        ]

    @pytest.fixture
    def witness(self, live: FakeProvider) -> Callable[[], str]:
        return lambda: repr(live.things)

    @pytest.fixture
    def stranger(self, live: FakeProvider) -> Callable[[], Callable[[], str]]:
        def make() -> Callable[[], str]:
            live.things["stranger"] = {("size",): 7}
            return lambda: repr(live.things["stranger"])

        return make
