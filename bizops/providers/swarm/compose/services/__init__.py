"""The keys of a Compose service."""
