"""The engines. `crewai` runs agents in production, `stub` answers by itself in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.configuration.settings import Settings
    from workers.engine.interface import Engine


def load_engine(settings: Settings) -> Engine:
    """Give the engine that the settings name; CrewAI is imported with its first run: that takes 3 s and 150 MiB."""
    if settings.engine == "stub":
        from workers.engine.stub import StubEngine  # noqa: PLC0415 - tests and load runs only

        return StubEngine(settings)
    from workers.engine.crew import CrewEngine  # noqa: PLC0415 - only where it is asked for

    return CrewEngine(settings)
