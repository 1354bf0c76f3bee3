"""The JSON Schema of a topology file, so that editors complete and check it."""

from __future__ import annotations

from typing import Any

from bizops import provider
from bizops.topology.declarations import CommonSettings

_TEMPLATE = {"type": "string", "pattern": r"\$\{"}
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
                "type": "string",
                "description": "What the topology is called; its objects are marked with it.",
            },
            "connections": {
                "type": "object",
                "description": "How to reach each system.",
                "properties": connections,
                "additionalProperties": False,
            },
            **sections,
        },
        "patternProperties": {"^x-": {"description": "Yours: for anchors, never read."}},
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def _section(found: provider.Definition, definitions: _Schema) -> _Schema:
    """Give the schema of one provider's section."""
    section = _model(found.settings, definitions, found.name)
    properties: _Schema = section.setdefault("properties", {})
    owned: _Schema = {}
    for kind in found.kinds:
        entry = _model(kind.spec, definitions, found.name)
        entry.setdefault("properties", {}).update(_common(definitions))
        definitions[f"{found.name}.{kind.name}"] = entry
        reference = {"$ref": f"#/$defs/{found.name}.{kind.name}"}
        if kind.is_list:
            properties[kind.plural] = {"type": "array", "items": reference}
        else:
            removable = {"anyOf": [reference, {"type": "null"}]}
            properties[kind.plural] = {"type": "object", "additionalProperties": removable}
            owned[kind.plural] = {"type": "array", "items": {"type": "string"}}
        # What the defaults leave out, each entry may still say.
        defaults = {key: value for key, value in entry.items() if key != "required"}
        properties[f"{kind.name}_defaults"] = defaults
    properties["owns"] = {
        "type": "object",
        "description": "Name patterns of what this topology owns; * and ? stand for anything.",
        "properties": owned,
        "additionalProperties": False,
    }
    return {**section, "type": "object", "additionalProperties": False}


def _common(definitions: _Schema) -> _Schema:
    common: _Schema = _model(CommonSettings, definitions, "common")["properties"]
    return common


def _model(model: Any, definitions: _Schema, prefix: str) -> _Schema:  # noqa: ANN401 - any model class
    """Give the schema of a model; its inner models move to the common definitions, under the provider's name."""
    made: _Schema = model.model_json_schema(ref_template=f"#/$defs/{prefix}.{{model}}")
    for name, inner in made.pop("$defs", {}).items():
        definitions[f"{prefix}.{name}"] = _open(inner)
    return _open(made)


def _open(made: _Schema) -> _Schema:
    """Let every setting be a template, or null: that opts out of a default."""
    if "properties" not in made:
        return made
    opened = {name: _opened(value) for name, value in made["properties"].items()}
    return {**made, "properties": opened}


def _opened(value: _Schema) -> _Schema:
    outside: _Schema = {key: value[key] for key in ("description", "examples") if key in value}
    inside = {
        key: inner for key, inner in value.items() if key not in {*outside, "default", "title"}
    }
    choices = inside.pop("anyOf", None) if set(inside) == {"anyOf"} else [inside]
    choices = [choice for choice in choices or [] if choice != {"type": "null"}]
    return {**outside, "anyOf": [*choices, {"type": "null"}, _TEMPLATE]}
