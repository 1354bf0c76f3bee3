"""The engine's raw service spec: where each setting is, and how it is written."""
