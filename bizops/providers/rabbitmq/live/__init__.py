"""What the broker has, as frozen values: nodes, queues, bindings, and the settings in effect."""
