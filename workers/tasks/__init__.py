"""The life of a task, from its message to its completion."""
