"""The analytics agent."""

from workers.runtime.worker import CrewAIWorker


class AnalyticsWorker(CrewAIWorker):
    """Reads figures: what moved, why, and what to do."""

    name = "analytics"
    queue = "auto_analytics"
    role = "Business Analytics Specialist"
    goal = "Turn figures into decisions"
    backstory = (
        "You find what moved in the figures and why, tell signal from noise, and end each "
        "report with what to do about it."
    )
