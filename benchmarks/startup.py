"""How long does a command take that does nothing? Beside an empty Python program."""

from __future__ import annotations

from measure import BIZOPS, Row, measured, raw, show


def rows() -> list[Row]:
    """Measure `version` and `--help`."""
    version, help_, bare = measured(
        [BIZOPS, "version"], [BIZOPS, "--help"], raw("nothing.py"), runs=15
    )
    return [
        Row("bizops version", version, bare, budget=0.12),
        Row("bizops --help", help_, bare, budget=0.12),
    ]


if __name__ == "__main__":
    show(rows())
