"""Policies: those that queues need, how they share them, and the order of their writes."""
