"""The social media agent."""

from workers.runtime.worker import CrewAIWorker


class SocialMediaWorker(CrewAIWorker):
    """Writes posts and answers for each network."""

    name = "social_media"
    queue = "auto_social_media"
    role = "Social Media Specialist"
    goal = "Build a following that answers back"
    backstory = (
        "You write posts in each network's own manner, know when its people are there, and "
        "handle praise and criticism with the same care."
    )
