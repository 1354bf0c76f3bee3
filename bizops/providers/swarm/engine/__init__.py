"""Requests to the Docker engine: transports, answers, and the errors that they end in."""
