"""What bizops says and does while members of real clusters are down, frozen or cut off.

Each cluster has three members of its own: RabbitMQ nodes, Kafka brokers, managers of a swarm. A drill puts messages
in, does harm, runs the real command line, and compares what is there afterwards with what was there before. Nothing
is taken from what bizops says about itself but the words that are judged.
"""
