"""What a reading of a swarm gave, and how each service stands."""
