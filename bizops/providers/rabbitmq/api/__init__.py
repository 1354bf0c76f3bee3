"""Requests to RabbitMQ: the management API, AMQP, and the errors that they end in."""
