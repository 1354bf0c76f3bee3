"""Engines of other versions than this machine's, each a node of a swarm of its own.

A node is a Debian tree with an engine, run in namespaces of its own; what it needs is root,
``mmdebstrap`` and ``unshare``, and no image. ``swarm.open_swarm`` is the way in.
"""
