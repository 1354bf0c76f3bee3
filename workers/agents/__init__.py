"""The agents, by the name that the command line calls them by: ours, and those of other packages.

Another package's agent is found by its entry point in the group `bizops.agents`, or named in the setting AGENTS as
`package.module:Class`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import os
from typing import TYPE_CHECKING

from workers.environment import default_dotenv
from workers.errors import SettingsError
from workers.settings import find_setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workers.worker import CrewAIWorker

GROUP = "bizops.agents"
OURS = {
    "order": "workers.agents.order:OrderWorker",
    "support": "workers.agents.support:SupportWorker",
    "marketing": "workers.agents.marketing:MarketingWorker",
    "inventory": "workers.agents.inventory:InventoryWorker",
    "seo": "workers.agents.seo:SeoWorker",
    "social_media": "workers.agents.social_media:SocialMediaWorker",
    "email_campaigns": "workers.agents.email_campaigns:EmailCampaignsWorker",
    "analytics": "workers.agents.analytics:AnalyticsWorker",
}
_SAYS = ("name", "queue", "role", "goal", "backstory")


@functools.cache
def known_agents() -> Mapping[str, str]:
    """Give where each agent's class is, `package.module:Class`, by its name; of this process's environment.

    Raises SettingsError with everything that is wrong with AGENTS, and where two agents have one name.
    """
    found, faults = dict(OURS), list[str]()
    for name, reference in (*_of_entry_points(), *_of_setting(faults)):
        if found.get(name, reference) != reference:
            faults.append(f"two agents are called {name}: {found[name]} and {reference}")
        found[name] = reference
    if faults:
        raise SettingsError(faults)
    return found


def load_agent(name: str) -> type[CrewAIWorker]:
    """Give an agent's class; raises KeyError where there is none of that name, SettingsError where it is none."""
    return _load(known_agents()[name])


def _of_entry_points() -> Iterator[tuple[str, str]]:
    for each in importlib.metadata.entry_points(group=GROUP):
        yield each.name, each.value.replace(" ", "")


def _of_setting(faults: list[str]) -> Iterator[tuple[str, str]]:
    """Give the agents that AGENTS names. Only their classes say what they are called."""
    given = find_setting("AGENTS", os.environ, default_dotenv())
    for reference in filter(None, (part.strip() for part in given.split(","))):
        try:
            yield _load(reference).name, reference
        except SettingsError as error:
            faults += [f"AGENTS: {fault}" for fault in error.faults]


def _load(reference: str) -> type[CrewAIWorker]:
    """Import a class and look at it; raises SettingsError."""
    from workers.worker import CrewAIWorker  # noqa: PLC0415 - 200 ms that a name alone does not take

    module, _, name = reference.partition(":")
    try:
        found = functools.reduce(getattr, name.split("."), importlib.import_module(module))
    except Exception as error:  # noqa: BLE001 - what a module does when it is imported is its own
        raise SettingsError([f"{reference}: {type(error).__name__}: {error}"]) from None
    if not (isinstance(found, type) and issubclass(found, CrewAIWorker)):
        raise SettingsError([f"{reference} is no subclass of workers.CrewAIWorker"])
    if missing := [each for each in _SAYS if not isinstance(getattr(found, each, None), str)]:
        raise SettingsError([f"{reference} has no {', '.join(missing)}: write them as texts"])
    return found
