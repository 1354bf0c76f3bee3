"""YAML files as trees with places: parsed, merged, and the faults that point into them."""
