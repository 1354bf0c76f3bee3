"""Agent workers: they take tasks from RabbitMQ, let CrewAI agents work on them, and put the events on Kafka."""
