"""Events on Kafka: envelopes, the producer, the outbox, and the follower."""
