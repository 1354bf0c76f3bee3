"""The process of a worker: its life, its health, its metrics."""
