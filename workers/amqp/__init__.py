"""RabbitMQ, as a worker uses it: connections that come back, a consumer, and a publisher with confirms."""
