"""The statements of an export, as text. Names come quoted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dagster_pipeline.connectors.sink.base_export_sink import GONE_COLUMN, Export
from dagster_pipeline.connectors.sink.export_fields import ExportField

Quote = Callable[[str], str]


def create_table(table: str, fields: Sequence[ExportField], quote: Quote, *, mark: bool = False) -> str:
    """A table of the fields' types; `mark` adds the column that says which rows are to go."""
    columns = [f"{quote(field.name)} {field.type}{'' if field.nullable else ' NOT NULL'}" for field in fields]
    columns += [f"{quote(GONE_COLUMN)} smallint NOT NULL"] if mark else []
    return f"CREATE TABLE {table} ({', '.join(columns)})"


def create_like(
    table: str, target: str, fields: Sequence[ExportField], quote: Quote, *, mark: bool
) -> list[str]:
    """A table of the same columns as far as they are exported, in the target's types; no defaults, no indexes."""
    names = ", ".join(quote(field.name) for field in fields)
    demands = [f"ALTER {quote(field.name)} SET NOT NULL" for field in fields if not field.nullable]
    demands += [f"ADD {quote(GONE_COLUMN)} smallint NOT NULL"] if mark else []
    statements = [f"CREATE TABLE {table} AS SELECT {names} FROM {target} WITH NO DATA"]
    return [*statements, f"ALTER TABLE {table} {', '.join(demands)}"] if demands else statements


def doubled_keys(table: str, key: Sequence[str], quote: Quote) -> str:
    """How many keys stand there more than once."""
    names = ", ".join(map(quote, key))
    return f"SELECT count(*) FROM (SELECT FROM {table} GROUP BY {names} HAVING count(*) > 1) AS doubled"


def delete_marked(target: str, stage: str, key: Sequence[str], quote: Quote) -> str:
    """Rows that the destination is to lose."""
    return f"DELETE FROM {target} t USING {stage} s WHERE {_same(key, quote)} AND s.{quote(GONE_COLUMN)} <> 0"


def delete_absent(target: str, stage: str, key: Sequence[str], quote: Quote) -> str:
    """Rows that are not staged."""
    return f"DELETE FROM {target} t WHERE NOT EXISTS (SELECT FROM {stage} s WHERE {_same(key, quote)})"


def insert_staged(target: str, stage: str, export: Export, quote: Quote, *, replaces: bool) -> str:
    """Staged rows that are not to go; `replaces` puts them in the place of rows of the same key."""
    names = [quote(column.name) for column in export.columns]
    left = f" WHERE {quote(GONE_COLUMN)} = 0" if export.carries_deletions else ""
    statement = (
        f"INSERT INTO {target} ({', '.join(names)}) OVERRIDING SYSTEM VALUE "
        f"SELECT {', '.join(names)} FROM {stage}{left}"
    )
    if not replaces:
        return statement
    key = [quote(name) for name in export.key]
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key)
    action = f"DO UPDATE SET {changes}" if changes else "DO NOTHING"
    return f"{statement} ON CONFLICT ({', '.join(key)}) {action}"


def _same(key: Sequence[str], quote: Quote) -> str:
    return " AND ".join(f"t.{quote(name)} = s.{quote(name)}" for name in key)
