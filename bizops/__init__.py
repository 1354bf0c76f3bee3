"""bizops: one YAML topology, one plan and one apply over RabbitMQ, Kafka and Docker Swarm."""

__version__ = "0.1.0"
