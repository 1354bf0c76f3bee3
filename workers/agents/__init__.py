"""The agents, by the name that the command line calls them by."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.worker import CrewAIWorker

AGENTS = {
    "order": "OrderWorker",
    "support": "SupportWorker",
    "marketing": "MarketingWorker",
    "inventory": "InventoryWorker",
    "seo": "SeoWorker",
    "social_media": "SocialMediaWorker",
    "email_campaigns": "EmailCampaignsWorker",
    "analytics": "AnalyticsWorker",
}
"""The module of this package, and the class in it."""


def load_agent(name: str) -> type[CrewAIWorker]:
    """Give an agent's class; raises KeyError where there is none of that name."""
    module = importlib.import_module(f"workers.agents.{name}")
    agent: type[CrewAIWorker] = getattr(module, AGENTS[name])
    return agent
