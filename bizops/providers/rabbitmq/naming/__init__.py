"""Names of objects, and the patterns that match them."""
