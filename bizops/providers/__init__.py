"""Each sub-package is one provider: it exposes `DEFINITION`, and nothing in the core names it."""
