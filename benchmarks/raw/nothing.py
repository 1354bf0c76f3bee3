"""Nothing: what a start of Python costs."""
