"""What a reading of a cluster gave, as plain values, and what follows from it."""
