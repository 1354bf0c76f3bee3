"""The JSON Schema of a topology file, so that editors complete and check it.

It describes any one file: what is required may stand in the defaults, or in a layer beneath an overlay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops import provider
from bizops.topology.declarations import NAME, CommonSettings
from bizops.topology.sections import LITERALS

if TYPE_CHECKING:
    from pydantic import BaseModel

_PATTERN = {"type": "string", "pattern": rf"^[^*?]{{{LITERALS}}}|\$\{{"}
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
"""Pydantic gives a limit by its own name where a function reads the value before."""
_TEMPLATE = {"type": "string", "pattern": r"\$\{"}
_REMOVABLE = ["object", "null"]
_Schema = dict[str, Any]


def schema() -> _Schema:
    """Give the JSON Schema (draft 2020-12) of the whole file, made from the models of all providers."""
    definitions: _Schema = {}
    sections: _Schema = {}
    connections: _Schema = {}
    for name in provider.names():
        found = provider.definition(name)
        connections[name] = _model(found.connection, definitions, name)
        sections[name] = _section(found, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bizops topology",
        "type": "object",
        "properties": {
            "bizops": {"const": 1, "description": "The version of this format."},
            "name": {
                "description": "What the topology is called; its objects are marked with it.",
                "type": "string",
                "pattern": rf"^{NAME}$|\$\{{",
            },
            "connections": {
                "description": "How to reach each system.",
                "type": "object",
                "properties": connections,
                "additionalProperties": False,
            },
            **sections,
        },
        "patternProperties": {"^x-": {"description": "Your own: for anchors, never read."}},
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def _section(found: provider.Definition, definitions: _Schema) -> _Schema:
    """Give the schema of one provider's section."""
    section = _model(found.settings, definitions, found.name)
    properties: _Schema = section.setdefault("properties", {})
    owned: _Schema = {}
    for kind in found.kinds:
        name = f"{found.name}.{kind.name}"
        entry = _model(kind.spec, definitions, found.name)
        entry["properties"] |= _model(CommonSettings, definitions, "common")["properties"]
        definitions[name] = entry
        reference = {"$ref": f"#/$defs/{name}"}
        if kind.is_list:
            properties[kind.plural] = {"type": ["array", "null"], "items": reference}
        else:
            properties[kind.plural] = {"type": _REMOVABLE, "additionalProperties": reference}
            owned[kind.plural] = {"type": ["array", "null"], "items": _PATTERN}
        properties[f"{kind.name}_defaults"] = reference
    properties["owns"] = {
        "description": "Patterns of the names that this topology owns; * and ? are the wildcards.",
        "type": _REMOVABLE,
        "properties": owned,
        "additionalProperties": False,
    }
    return section


def _model(model: type[BaseModel], definitions: _Schema, prefix: str) -> _Schema:
    """Give the schema of a model; its inner models move to the common definitions, under a prefix."""
    made: _Schema = model.model_json_schema(ref_template=f"#/$defs/{prefix}.{{model}}")
    for name, inner in made.pop("$defs", {}).items():
        definitions[f"{prefix}.{name}"] = _opened(inner)
    return {**_opened(made), "type": _REMOVABLE}


def _opened(made: _Schema) -> _Schema:
    """Let every setting be a template, or null: that opts out of a default."""
    if "properties" not in made:
        return made
    properties = {name: _opened_setting(value) for name, value in made["properties"].items()}
    kept = {key: value for key, value in made.items() if key not in {"required", "title"}}
    return {**kept, "properties": properties}


def _opened_setting(value: _Schema) -> _Schema:
    outside: _Schema = {key: value[key] for key in ("description", "examples") if key in value}
    inside = {
        key: inner for key, inner in value.items() if key not in {*outside, "default", "title"}
    }
    choices = inside.pop("anyOf") if set(inside) == {"anyOf"} else [inside]
    choices = [
        _opened_map({_LIMITS.get(key, key): inner for key, inner in choice.items()})
        for choice in choices
        if choice != {"type": "null"}
    ]
    return {**outside, "anyOf": [*choices, {"type": "null"}, _TEMPLATE]}


def _opened_map(choice: _Schema) -> _Schema:
    """Let every entry of a map be null too, as in an environment: that takes it away from the layer beneath."""
    entries = choice.get("additionalProperties")
    return (
        choice
        if not isinstance(entries, dict)
        else {**choice, "additionalProperties": _opened_setting(entries)}
    )
