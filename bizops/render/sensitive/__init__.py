"""What must not be shown is taken out of plans, outcomes and healths."""
