"""The local stack: real RabbitMQ, Kafka, Redis and an image registry on a one-node Docker Swarm."""
