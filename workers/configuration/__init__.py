"""What can be configured: settings from the environment, and what each value may be."""
