"""What a change means: how each field may change, what it loses, what the broker would refuse."""
