"""What a topology file may say about RabbitMQ."""
