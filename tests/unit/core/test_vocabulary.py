"""Classes have the field's terms: what reads like a novel may not come back."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
METAPHORS = frozenset(
    {
        *(
            "Road",
            "Question",
            "Planned",
            "Carriage",
            "Choice",
            "Stake",
            "Board",
            "Pace",
            "Misdeclared",
        ),
        *("Surroundings", "Remainder", "Bare", "Where", "Part", "Take", "Loss", "Talk", "Terms"),
        *("Look", "Lookup", "Lookups", "Whom", "Claim", "View", "Ends", "Rematching", "Standing"),
        *("Obituary", "Endings", "Exits", "Outlets", "GoneError", "Handling", "Bench", "Grant"),
        *("Persona", "Conversation", "Breaker", "Premises", "Vitals", "Reach", "Runs", "Pulse"),
    }
)


@pytest.mark.parametrize("package", ["bizops", "workers"])
def test_no_class_is_called_by_a_metaphor(package: str) -> None:
    found = {
        node.name: str(file.relative_to(ROOT))
        for file in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }

    assert len(found) > 50
    assert {name: file for name, file in found.items() if name in METAPHORS} == {}
