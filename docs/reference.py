"""Writes `docs/topology-reference.md` from the models that read the topology file, and the settings of the workers.

`python -m docs.reference` writes both; `reference()` and `with_settings()` give them as text, for the tests that they
are up to date.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bizops import provider
from bizops.quantity import Duration, Size
from bizops.topology.declarations import CommonSettings
from workers.cli.explaining import describe_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bizops.provider import Definition, Kind

PAGE = Path(__file__).parent / "topology-reference.md"
WORKERS = Path(__file__).parent / "workers.md"
_SETTINGS = re.compile(r"(<!-- settings -->\n```text\n).*?(```)", re.DOTALL)
_Schema = dict[str, Any]
_HEAD = """\
<!-- Written by `make docs` from the models: edit those. -->
# Topology reference

Every key of every section. [The topology file](topology.md) says how files, variables, units and defaults work.

- `a.b` is the key `b` inside the map `a`; `a[].b` that of each item of the list `a`; `a.NAME.b` that of each
  entry of the map `a`.
- A key in bold must be given wherever the map that it stands in is. Any other setting that is left out is *not
  managed*: neither compared nor written.
- A number may also come as text, because any value may be a `${VARIABLE}`.
"""
_TITLES = {"rabbitmq": "RabbitMQ", "kafka": "Kafka", "swarm": "Docker Swarm"}
_WORDS = {
    frozenset({"boolean", "string"}): "true or false",
    frozenset({"integer", "string"}): "whole number",
    frozenset({"integer", "number", "string"}): "text",
    frozenset({"number", "string"}): "number",
}
_PLAIN = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
}
_COUNTED = ("text", "map", "whole number", "number")
_UNLIMITED = 2**15
"""A maximum from here on is the width of a number on the wire, and says nothing to a reader."""


def reference() -> str:
    """Give the whole page."""
    parts = [_HEAD, "## Any entry\n", "Whatever its kind.\n", *_table(_schema(CommonSettings))]
    for name in provider.names():
        parts += _provider(provider.definition(name))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip("\n") + "\n"


def _provider(found: Definition) -> Iterator[str]:
    title = _TITLES.get(found.name, found.name)
    yield f"\n## {title}\n"
    yield f"Section `{found.name}`, reached by `connections.{found.name}`.\n"
    yield f"\n### `connections.{found.name}`\n"
    yield from _model(found.connection)
    yield f"\n### `{found.name}`\n"
    yield from _section(found)
    for kind in found.kinds:
        yield from _kind(kind)


def _section(found: Definition) -> Iterator[str]:
    """Give the section's own keys, those that every section has included."""
    yield "| key | value | |"
    yield "|---|---|---|"
    yield from _rows(_schema(found.settings))
    for kind in found.kinds:
        form = "list of entries" if kind.is_list else "map of names to entries"
        yield f"| `{kind.plural}` | {form} | See [below](#{_anchor(kind)}). |"
        yield f"| `{kind.name}_defaults` | entry | Fills in what an entry of `{kind.plural}` leaves out. |"
    owned = ", ".join(f"`{kind.plural}`" for kind in found.kinds if not kind.is_list)
    yield (
        f"| `owns` | map of {owned} to lists of patterns | What this topology owns by name: `*` and `?`,"
        " three literal characters first. |"
    )


def _kind(kind: Kind) -> Iterator[str]:
    yield f"\n### `{kind.provider}.{kind.plural}`\n"
    yield from _model(kind.spec)


def _anchor(kind: Kind) -> str:
    return f"{kind.provider}{kind.plural}"


def _model(model: Any) -> Iterator[str]:  # noqa: ANN401 - any model class
    schema = _schema(model)
    yield f"{schema.get('description', '')}\n"
    yield from _table(schema)


def _schema(model: Any) -> _Schema:  # noqa: ANN401 - any model class
    found: _Schema = model.model_json_schema()
    return found


def _table(schema: _Schema) -> Iterator[str]:
    rows = list(_rows(schema))
    if not rows:
        yield "No keys."
        return
    yield "| key | value | |"
    yield "|---|---|---|"
    yield from rows


def _rows(schema: _Schema) -> Iterator[str]:
    for path, value, required in _leaves(schema, schema.get("$defs", {}), ""):
        name = f"**`{path}`**" if required else f"`{path}`"
        words = _words(path.rpartition(".")[2], value)
        yield f"| {name} | {_cell(_value(value))} | {_cell(words)} |"


def _leaves(schema: _Schema, known: _Schema, prefix: str) -> Iterator[tuple[str, _Schema, bool]]:
    """Give each key with its path; a map of known keys is followed by its keys."""
    required = schema.get("required", ())
    for name, value in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield path, value, name in required
        for suffix, inner in _inner(value, known):
            yield from _leaves(inner, known, f"{path}{suffix}.")


def _inner(value: _Schema, known: _Schema) -> Iterator[tuple[str, _Schema]]:
    """Give the models inside a value, with what stands between the key and theirs."""
    for choice in _choices(value):
        if "$ref" in choice:
            yield "", known[choice["$ref"].rpartition("/")[2]]
        elif isinstance(choice.get("items"), dict):
            yield from (("[]" + suffix, inner) for suffix, inner in _inner(choice["items"], known))
        elif isinstance(choice.get("additionalProperties"), dict):
            nested = _inner(choice["additionalProperties"], known)
            yield from ((".NAME" + suffix, inner) for suffix, inner in nested)


def _choices(value: _Schema) -> list[_Schema]:
    found = value.get("anyOf") or value.get("allOf") or [value]
    return [choice for choice in found if choice.get("type") != "null"]


def _value(value: _Schema) -> str:
    """Say in words what may stand there."""
    choices = _choices(value)
    types = frozenset(str(choice.get("type", "")) for choice in choices)
    if len(choices) > 1 and types in _WORDS:
        return _WORDS[types]
    words = " or ".join(dict.fromkeys(_choice(choice) for choice in choices))
    return _quantity(value) if words == "text" else words


def _choice(choice: _Schema) -> str:
    if "$ref" in choice:
        return "map"
    if "enum" in choice:
        return ", ".join(f"`{word}`" for word in choice["enum"])
    if "const" in choice:
        return f"`{choice['const']}`"
    if choice.get("type") == "array":
        items = choice.get("items")
        return f"list of {_plural(_value(items))}" if isinstance(items, dict) and items else "list"
    if choice.get("type") == "object":
        return "map"
    word = _PLAIN.get(str(choice.get("type")), "any value")
    return f"{word}{_limits(choice)}"


def _plural(words: str) -> str:
    return " or ".join(f"{word}s" if word in _COUNTED else word for word in words.split(" or "))


def _limits(choice: _Schema) -> str:
    low, high = choice.get("minimum"), choice.get("maximum")
    high = None if high is None or high >= _UNLIMITED - 1 else high
    if low is not None and high is not None:
        return f", {low} to {high}"
    return "" if low is None else f", {low} or more"


def _words(name: str, value: _Schema) -> str:
    """Give the description, the default where it is a plain value, and examples where the description has none."""
    words = [str(value.get("description", "")).strip()]
    default = value.get("default")
    if default not in (None, [], "") and not isinstance(default, dict):
        is_file_mode = name == "mode" and isinstance(default, int)  # people read it in octal
        words.append(f"Default `{f'0{default:o}' if is_file_mode else _example(default)}`.")
    texts = dict.fromkeys(_example(example) for example in _examples(value))
    if texts and "such as" not in words[0]:
        words.append(f"Such as {', '.join(f'`{text}`' for text in texts)}.")
    return " ".join(word for word in words if word)


def _examples(value: _Schema) -> list[Any]:
    inside = (example for choice in _choices(value) for example in choice.get("examples", ()))
    return [*value.get("examples", ()), *inside]


def _quantity(value: _Schema) -> str:
    """Say that a text is a duration or a size, where its examples are."""
    texts = [example for example in _examples(value) if isinstance(example, str)]
    for word, quantity in (("duration", Duration), ("size", Size)):
        try:
            if texts and all(quantity.parse(text) is not None for text in texts):
                return word
        except ValueError:
            continue
    return "text"


def _example(example: object) -> str:
    if isinstance(example, dict):
        return "{" + ", ".join(f"{key}: {_example(item)}" for key, item in example.items()) + "}"
    if isinstance(example, list):
        return "[" + ", ".join(_example(item) for item in example) + "]"
    return str(example).lower() if isinstance(example, bool) else str(example)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def with_settings(page: str) -> str:
    """Give the page of the workers with every setting as it is; raises ValueError where it has no place for them."""
    written, count = _SETTINGS.subn(
        lambda found: f"{found[1]}{describe_settings()}\n{found[2]}", page
    )
    if count != 1:
        message = "the page has no block that is marked as settings"
        raise ValueError(message)
    return written


if __name__ == "__main__":
    PAGE.write_text(reference())
    WORKERS.write_text(with_settings(WORKERS.read_text()))
