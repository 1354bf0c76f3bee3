"""The agents, by the name that the command line calls them by: ours, and those of other packages.

Another package's agent is found by its entry point in the group `bizops.agents`, or named in the setting AGENTS as
`package.module:Class`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import logging
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers import interrupts
from workers.configuration.endpoints import queue_name
from workers.configuration.environment import default_dotenv
from workers.configuration.settings import find_redactor, find_setting
from workers.errors import SettingsError, WorkersError
from workers.tasks.agent_call import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workers.configuration.settings import Settings
    from workers.runtime.worker import CrewAIWorker

LOG = logging.getLogger(__name__)
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
COMMANDS = ("submit", "tasks")
EVENTS = "events"
"""The word for the events that Kafka refuses, where `tasks dlq` takes an agent's name."""
_RESERVED = (*COMMANDS, EVENTS)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_NAME_RULE = (
    "an agent's name is at most 64 letters, digits, _ . and -, begins with a letter or a digit, "
    f"and is none of {', '.join(_RESERVED)}"
)
_SAYS = ("name", "queue", "role", "goal", "backstory")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an agent's class is, `package.module:Class`, and what names it there; nothing does for ours."""

    reference: str
    named_by: str = ""

    def __str__(self) -> str:
        return f"{self.named_by}: {self.reference}" if self.named_by else self.reference


def known_agents() -> Mapping[str, Origin]:
    """Give where each agent's class is, by its name; of this process's environment.

    Raises SettingsError with everything that is wrong with AGENTS, and where two agents have one name.
    """
    return _survey()[0]


def unusable_agents() -> tuple[str, ...]:
    """Say which entry points no agent can be called by: whoever installed them, the others work on."""
    return _survey()[1]


def load_agent(name: str) -> type[CrewAIWorker]:
    """Give an agent's class; raises KeyError where there is none of that name, SettingsError where it is none."""
    return _load(known_agents()[name])


def load_agents() -> tuple[dict[str, type[CrewAIWorker]], list[str]]:
    """Give the classes of all agents, and what is wrong with those that cannot be loaded."""
    found, faults = dict[str, "type[CrewAIWorker]"](), list[str]()
    for name in known_agents():
        try:
            found[name] = load_agent(name)
        except SettingsError as error:
            faults += error.faults
    return found, faults


def make_agent(name: str, settings: Settings) -> CrewAIWorker:
    """Make an agent's worker; raises SettingsError, also for whatever a constructor of its own raises."""
    kind = load_agent(name)
    try:
        return kind(settings)
    except WorkersError:
        raise
    except BaseException as error:
        interrupts.check()
        LOG.debug("agent_not_made", exc_info=error)
        raise SettingsError([f"{known_agents()[name]}: {_say(error)}"]) from None


@functools.cache
def _survey() -> tuple[Mapping[str, Origin], tuple[str, ...]]:
    found = {name: Origin(reference) for name, reference in OURS.items()}
    faults, unusable = list[str](), list[str]()
    for name, origin in (*_of_entry_points(unusable), *_of_setting(faults)):
        other = found.setdefault(name, origin)
        if other.reference != origin.reference:
            faults.append(f"two agents are called {name}: {other.reference} and {origin.reference}")
    if faults:
        raise SettingsError(faults)
    return found, tuple(unusable)


def _of_entry_points(unusable: list[str]) -> Iterator[tuple[str, Origin]]:
    for each in importlib.metadata.entry_points(group=GROUP):
        package = f" of {each.dist.name}" if each.dist else ""
        origin = Origin(each.value.replace(" ", ""), f"entry point {each.name}{package}")
        if _is_name(each.name):
            yield each.name, origin
        else:
            unusable.append(f"{origin}: {_NAME_RULE}")


def _of_setting(faults: list[str]) -> Iterator[tuple[str, Origin]]:
    """Give the agents that AGENTS names. Only their classes say what they are called."""
    given = find_setting("AGENTS", os.environ, default_dotenv())
    for reference in filter(None, (part.strip() for part in given.split(","))):
        origin = Origin(reference, "AGENTS")
        try:
            yield _load(origin).name, origin
        except SettingsError as error:
            faults += error.faults


def _load(origin: Origin) -> type[CrewAIWorker]:
    """Import a class and look at it; raises SettingsError."""
    from workers.runtime.worker import CrewAIWorker  # noqa: PLC0415 - 200 ms that a name alone does not take

    module, _, name = origin.reference.partition(":")
    try:
        found = functools.reduce(getattr, name.split("."), importlib.import_module(module))
    except BaseException as error:  # noqa: BLE001 - what a module does when it is imported is its own
        interrupts.check()
        raise SettingsError([f"{origin}: {_say(error)}"]) from None
    if not (isinstance(found, type) and issubclass(found, CrewAIWorker)):
        raise SettingsError([f"{origin} is no subclass of workers.CrewAIWorker"])
    if missing := [each for each in _SAYS if not isinstance(getattr(found, each, None), str)]:
        raise SettingsError([f"{origin} has no {', '.join(missing)}: write them as texts"])
    if not _is_name(found.name):
        raise SettingsError([f"{origin}: {_NAME_RULE}"])
    try:
        queue_name(found.queue)
    except ValueError as error:
        raise SettingsError([f"{origin}: its queue {error}"]) from None
    return found


def _is_name(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and name not in _RESERVED


def _say(error: BaseException) -> str:
    """Say what another package's code raised; it may have a secret among its words."""
    return find_redactor(os.environ, default_dotenv()).redact(words(error))
