"""The live suites on every version of the servers that bizops is tried with: `make matrix`."""
