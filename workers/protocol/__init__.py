"""What publishers, workers and the topology share: tasks, bodies, queues, retry tiers."""
