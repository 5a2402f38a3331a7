"""The file formats as a page for people, `docs/file-format.md`: made from the same models as the JSON Schemas.

Write it anew with `make reference`; a test holds that it is equal. How keys belong together is `rules`' to say, and the
template's (`schemas/templates/`) to explain by example.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dagster_pipeline.schema.duration import DURATION_PATTERN
from dagster_pipeline.schema.file_models import DefaultsFile
from dagster_pipeline.schema.json_schema import FORMATS, rendered

_WORDS = {
    "object": "map",
    "string": "text",
    "boolean": "`true` or `false`",
    "integer": "whole number",
    "number": "number",
}
PAGE = Path(__file__).parents[2] / "docs" / "file-format.md"

_HEAD = """# File format

Every key of every kind of file, made from the program's own models by `make reference`. Editors complete and check these
keys by the JSON Schema that a file names in its first line, e.g. `# yaml-language-server: $schema=../../table.schema.json`.
[table_schema_template.yml](../schemas/templates/table_schema_template.yml) shows the keys of a table file in use. What is
wrong in a file, `validate` says with its line.

Durations are written like `90s`, `10m`, `2h30m`, `1d`. **Bold** keys must be there. `name[]` is each entry of a list.
"""


def page() -> str:
    """The page's text."""
    parts = [_HEAD]
    for kind, shown in FORMATS.items():
        schema = json.loads(rendered(kind))
        parts.append(f"## {shown.title}\n\n{shown.description} JSON Schema: `schemas/{kind}.schema.json`.\n")
        if shown.model is DefaultsFile:
            parts.append("The keys of a table file but `columns`; none must be there.\n")
            continue
        parts.append("| key | value | default | meaning |\n|---|---|---|---|")
        parts.extend(_rows(schema, schema["$defs"], ""))
        parts.append("")
    return "\n".join(parts)


def _rows(part: dict[str, Any], known: dict[str, Any], prefix: str) -> Iterator[str]:
    """One line for each key, those of nested maps after their own."""
    required = set(part.get("required", ()))
    for name, field in part.get("properties", {}).items():
        shapes = _shapes(field, known)
        key = f"{prefix}{name}"
        default = "" if field.get("default", "") == "" else f"`{_plain(field['default'])}`"
        value = _cell(", or ".join(dict.fromkeys(_named(shape, known) for shape in shapes)))
        shown = f"**`{key}`**" if name in required else f"`{key}`"
        yield f"| {shown} | {value} | {default} | {_cell(field.get('description', ''))} |"
        for shape in shapes:
            yield from _below(shape, known, key)


def _below(shape: dict[str, Any], known: dict[str, Any], key: str) -> Iterator[str]:
    if shape.get("type") == "array":
        for item in _shapes(shape.get("items", {}), known):
            yield from (
                _below(item, known, f"{key}[]")
                if "properties" not in item
                else _rows(item, known, f"{key}[].")
            )
    elif "properties" in shape:
        yield from _rows(shape, known, f"{key}.")


def _shapes(field: dict[str, Any], known: dict[str, Any]) -> list[dict[str, Any]]:
    """What a value may be, references followed, `null` left out: an absent key says the same."""
    if "$ref" in field:
        return _shapes(known[field["$ref"].rpartition("/")[2]], known)
    if choices := field.get("anyOf") or field.get("oneOf"):
        return [shape for each in choices for shape in _shapes(each, known)]
    return [] if field.get("type") == "null" else [field]


def _named(shape: dict[str, Any], known: dict[str, Any]) -> str:
    """A shape in a word or two."""
    if "enum" in shape or "const" in shape:
        return ", ".join(f"`{word}`" for word in shape.get("enum", [shape.get("const")]))
    kind = shape.get("type")
    if shape.get("pattern") == DURATION_PATTERN:
        return "duration"
    if isinstance(kind, list):
        return ", or ".join(_named({**shape, "type": each}, known) for each in kind)
    if kind == "array":
        items = dict.fromkeys(_named(item, known) for item in _shapes(shape.get("items", {}), known))
        return f"list of {' or '.join(items)}" if items else "list"
    return f"{_WORDS.get(kind or '', 'any value')}{_limits(shape)}"


def _limits(shape: dict[str, Any]) -> str:
    low, high = shape.get("minimum"), shape.get("maximum")
    if low is not None and high is not None:
        return f" from {low:,} to {high:,}"
    return f", at least {low:,}" if low is not None else f", at most {high:,}" if high is not None else ""


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
