"""Requests to a Kafka cluster: clients, reads, writes, and the errors that they end in."""
