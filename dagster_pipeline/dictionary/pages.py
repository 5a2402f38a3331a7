"""One Markdown page for each table, and one that lists them. Pure: from files alone, so a page says what is promised."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dagster_pipeline.schema.duration import format_duration
from dagster_pipeline.schema.models import ColumnSchema, Mask, TableCheck, TableSchema
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

MARK = "<!-- Written by `python -m dagster_pipeline docs`; changes here are lost. -->"

_MASKS = {
    Mask.SHA256: "hashed (SHA-256)",
    Mask.HMAC_SHA256: "hashed with a key",
    Mask.REDACT: "redacted",
    Mask.DROP: "left out",
}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What stands around a table.

    Attributes:
        file: the table's file, as people name it.
        readers: files of other kinds, and checks of other tables, that name it: `path:line`.
    """

    file: str
    readers: tuple[str, ...] = ()


def page(schema: TableSchema, near: Neighbours) -> str:
    """One table."""
    parts = [MARK, f"# {schema.name}", "", _text(schema.description) or "No description.", ""]
    parts += ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in _facts(schema, near)), ""]
    parts += ["## Columns", "", *_columns(schema), ""]
    if schema.checks:
        parts += ["## Checks", "", "| check | looks at | when it fails |", "|---|---|---|"]
        parts += [_check(check) for check in schema.checks] + [""]
    parts += ["## Lineage", "", *_lineage(schema, near)]
    return "\n".join(parts) + "\n"


def index(schemas: Sequence[TableSchema]) -> str:
    """The list of all tables, by database."""
    parts = [MARK, "# Tables", ""]
    for database in sorted({schema.destination.database for schema in schemas}):
        parts += [f"## {_text(database)}", "", "| table | holds | source | owners |", "|---|---|---|---|"]
        parts += [
            f"| [{_text(schema.destination.table)}]({page_path(schema)}) | {_text(schema.description)} | "
            f"`{'/'.join(schema.source.asset_key)}` | {_text(', '.join(schema.owners))} |"
            for schema in schemas
            if schema.destination.database == database
        ] + [""]
    return "\n".join(parts)


def page_path(schema: TableSchema) -> str:
    """Where a table's page stands below the folder; safe as a file name and in a link."""
    return "/".join(_plain(part) for part in (schema.destination.database, schema.destination.table)) + ".md"


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_-" else f"~{ord(letter):x}" for letter in name)


def _facts(schema: TableSchema, near: Neighbours) -> list[tuple[str, str]]:
    destination, sync = schema.destination, schema.sync
    cursor = f", by `{_code(sync.cursor)}`" if sync.cursor else ""
    schedule = schema.schedule
    facts = {
        "file": f"`{_code(near.file)}`",
        "owners": _text(", ".join(schema.owners)),
        "tags": _text(", ".join(f"{name}: {value}" for name, value in schema.tags.items())),
        "source": f"`{_code('/'.join(schema.source.asset_key))}`",
        "only rows where": f"`{_code(schema.source.where)}`" if schema.source.where else "",
        "in the warehouse": f"`{_code(destination.full_name)}`, {destination.engine}",
        "sorted by": f"`{_code(', '.join(destination.order_by))}`" if destination.order_by else "",
        "partitioned by": f"`{_code(destination.partition_by)}`" if destination.partition_by else "",
        "kept": f"`{_code(destination.ttl)}`" if destination.ttl else "",
        "how": f"{sync.mode}{cursor}; rows deleted at the source: {sync.deletes}",
        "when": f"`{schedule.cron}` ({schedule.timezone})" if schedule else "by hand",
        "late after": format_duration(schema.freshness) if schema.freshness else "",
        "enabled": "" if schema.enabled else "no",
    }
    return [(name, value) for name, value in facts.items() if value]


def _columns(schema: TableSchema) -> list[str]:
    stored = {mapping.name: mapping.clickhouse_type for mapping in TypeMapper().map(schema)}
    lines = ["| column | type | at the source | key | personal | holds |", "|---|---|---|---|---|---|"]
    return lines + [_column(column, stored) for column in schema.columns]


def _column(column: ColumnSchema, stored: Mapping[str, str]) -> str:
    type_ = f"`{_code(stored[column.name])}`" if column.name in stored else "not in the warehouse"
    key = "primary" if column.primary_key else "immutable" if column.immutable else ""
    mask = _MASKS[column.mask] if column.mask else ""
    return f"| `{_code(column.name)}` | {type_} | `{_code(column.type)}` | {key} | {mask} | {_text(column.description)} |"


def _check(check: TableCheck) -> str:
    looks_at = ", ".join(check.columns) or ", ".join(
        f"{name}: {value}" for name, value in check.arguments.items()
    )
    then = (
        "the run fails"
        if check.blocking
        else "an error is shown"
        if check.severity == "error"
        else "a warning"
    )
    return f"| {_text(check.name)} | {_text(looks_at)} | {then} |"


def _lineage(schema: TableSchema, near: Neighbours) -> list[str]:
    """A drawing that GitHub and GitLab show (mermaid.js.org); texts stand in quotes, where only a quote would end them."""
    lines = [
        "```mermaid",
        "flowchart LR",
        f"  source[{_quoted('/'.join(schema.source.asset_key))}] --> table",
    ]
    lines += [f"  table[{_quoted(schema.name)}]"]
    others = sorted({str(each.arguments["to"]) for each in schema.checks if each.kind == "relationship"})
    lines += [f"  table -. refers to .-> other{at}[{_quoted(name)}]" for at, name in enumerate(others)]
    lines += [f"  table --> reader{at}[{_quoted(name)}]" for at, name in enumerate(near.readers)]
    return [*lines, "```"]


def _quoted(text: str) -> str:
    return json.dumps(text.replace('"', "'").replace("\\", "/"), ensure_ascii=False)


def _text(text: str) -> str:
    """Text of a file within a cell, in which nothing becomes markup."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(escaped.replace("|", "&#124;").replace("`", "&#96;").split())


def _code(text: str | None) -> str:
    """Text between back-ticks within a cell."""
    return " ".join((text or "").replace("|", "\\|").replace("`", "'").split())
