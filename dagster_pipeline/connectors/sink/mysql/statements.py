"""The statements of an export, as text. Names come quoted.

No INSERT ... ON DUPLICATE KEY UPDATE: it takes a row for another one that collides with it in any unique index, not only in
the key's (dev.mysql.com/doc/refman/8.4/en/insert-on-duplicate.html). An UPDATE by the key and an INSERT of the rest do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from dagster_pipeline.connectors.sink.base_export_sink import GONE_COLUMN, Export
from dagster_pipeline.connectors.sink.export_fields import ExportField

Quote = Callable[[str], str]
_ENGINE = "ENGINE = InnoDB"


def create_table(
    table: str, export: Export, fields: Sequence[ExportField], quote: Quote, comment: str
) -> str:
    """A table of the fields' types; texts are compared byte by byte, as the warehouse does."""
    parts = [
        f"{quote(field.name)} {field.type}{' NULL' if field.nullable else ' NOT NULL'}" for field in fields
    ]
    parts += [f"{quote(GONE_COLUMN)} tinyint NOT NULL"] if export.carries_deletions else []
    parts += [_primary_key(export.key, quote)] if export.key else []
    options = f"{_ENGINE} DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT = {comment}"
    return f"CREATE TABLE {table} ({', '.join(parts)}) {options}"


def create_like(table: str, target: str, export: Export, quote: Quote, *, by_key: bool) -> Iterator[str]:
    """A table of the same columns as far as they are exported, in the target's types; indexed by the key if `by_key`."""
    names = ", ".join(quote(column.name) for column in export.columns)
    yield f"CREATE TABLE {table} {_ENGINE} AS SELECT {names} FROM {target} LIMIT 0"
    parts = [f"ADD {quote(GONE_COLUMN)} tinyint NOT NULL"] if export.carries_deletions else []
    parts += [f"ADD {_primary_key(export.key, quote)}"] if by_key else []
    if parts:
        yield f"ALTER TABLE {table} {', '.join(parts)}"


def load_data(table: str, names: Sequence[str], fields: Sequence[ExportField], quote: Quote) -> str:
    """From the client's stream. A BIT takes a number, which a field of a file is not."""
    bits = {field.name for field in fields if field.type.lower().startswith("bit")}
    given = ", ".join(f"@v{index}" if name in bits else quote(name) for index, name in enumerate(names))
    made = ", ".join(
        f"{quote(name)} = CAST(@v{index} AS UNSIGNED)" for index, name in enumerate(names) if name in bits
    )
    return (
        f"LOAD DATA LOCAL INFILE 'rows' INTO TABLE {table} CHARACTER SET utf8mb4 ({given})"
        f"{f' SET {made}' if made else ''}"
    )


def doubled_keys(table: str, key: Sequence[str], quote: Quote) -> str:
    """How many keys stand there more than once."""
    names = ", ".join(map(quote, key))
    return f"SELECT count(*) FROM (SELECT 1 FROM {table} GROUP BY {names} HAVING count(*) > 1) AS doubled"


def changes(target: str, stage: str, export: Export, quote: Quote, *, by_key: bool) -> Iterator[str]:
    """Staged rows into the target: in the place of rows of the same key, or beside all others."""
    names = [quote(column.name) for column in export.columns]
    listed, staged = ", ".join(names), ", ".join(f"s.{name}" for name in names)
    if not by_key:
        yield f"INSERT INTO {target} ({listed}) SELECT {staged} FROM {stage} s"
        return
    key = [quote(name) for name in export.key]
    same = " AND ".join(f"t.{name} = s.{name}" for name in key)
    mark = f"s.{quote(GONE_COLUMN)}"
    if export.carries_deletions:
        yield f"DELETE t FROM {target} t JOIN {stage} s ON {same} WHERE {mark} <> 0"
    left = f" AND {mark} = 0" if export.carries_deletions else ""
    changed = ", ".join(f"t.{name} = s.{name}" for name in names if name not in key)
    if changed:
        yield f"UPDATE {target} t JOIN {stage} s ON {same}{left} SET {changed}"
    yield (
        f"INSERT INTO {target} ({listed}) SELECT {staged} FROM {stage} s LEFT JOIN {target} t ON {same} "
        f"WHERE t.{key[0]} IS NULL{left}"
    )


def delete_absent(target: str, stage: str, key: Sequence[str], quote: Quote) -> str:
    """Rows that are not staged."""
    names = [quote(name) for name in key]
    same = " AND ".join(f"t.{name} = s.{name}" for name in names)
    return f"DELETE t FROM {target} t LEFT JOIN {stage} s ON {same} WHERE s.{names[0]} IS NULL"


def _primary_key(key: Sequence[str], quote: Quote) -> str:
    return f"PRIMARY KEY ({', '.join(map(quote, key))})"
