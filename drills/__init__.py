"""Drills: do to real servers and real workers what the world does to them, and count what came of the tasks.

`python -m drills` runs them on a second stack of their own. Nothing is taken from what a worker says about itself:
published messages are counted when RabbitMQ confirms them, runs by a ledger that agents call, ends by what lies on
Kafka and in the dead-letter queue, leftovers by what lies in every other queue once the workers are gone.
"""
