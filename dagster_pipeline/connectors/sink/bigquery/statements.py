"""The few statements in GoogleSQL: identifiers pass one quoter, and no value ever enters a text."""

from __future__ import annotations

from collections.abc import Sequence

from google.cloud import bigquery

from dagster_pipeline.connectors.sink.base_export_sink import GONE_COLUMN, Export


def quoted(name: str) -> str:
    """An identifier (cloud.google.com/bigquery/docs/reference/standard-sql/lexical#quoted_identifiers)."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def table_name(table: bigquery.TableReference) -> str:
    """A table's name with project and dataset."""
    return ".".join(quoted(part) for part in (table.project, table.dataset_id, table.table_id))


def merge(export: Export, target: bigquery.TableReference, staged: bigquery.TableReference) -> str:
    """Rows of the same key are replaced, new ones inserted, and those that are gone deleted, in one statement."""
    names = [quoted(column.name) for column in export.columns]
    changed = [quoted(column.name) for column in export.columns if column.name not in export.key]
    same = " AND ".join(f"target.{quoted(name)} = staged.{quoted(name)}" for name in export.key)
    gone = f"staged.{quoted(GONE_COLUMN)} = 1"
    clauses = [f"MERGE INTO {table_name(target)} AS target USING {table_name(staged)} AS staged ON {same}"]
    if export.carries_deletions:
        clauses.append(f"WHEN MATCHED AND {gone} THEN DELETE")
    if changed:
        assignments = ", ".join(f"{name} = staged.{name}" for name in changed)
        clauses.append(f"WHEN MATCHED THEN UPDATE SET {assignments}")
    stays = f" AND NOT {gone}" if export.carries_deletions else ""
    values = ", ".join(f"staged.{name}" for name in names)
    clauses.append(f"WHEN NOT MATCHED{stays} THEN INSERT ({', '.join(names)}) VALUES ({values})")
    return "\n".join([_comment(export.comment), *clauses]).lstrip()


def repeated_keys(table: bigquery.TableReference, key: Sequence[str]) -> str:
    """How many keys stand in a table more than once."""
    names = ", ".join(quoted(name) for name in key)
    return (
        f"SELECT COUNT(*) AS repeated FROM (SELECT {names} FROM {table_name(table)} "
        f"GROUP BY {names} HAVING COUNT(*) > 1) AS groups_of_rows"
    )


def _comment(text: str) -> str:
    return f"/* {' '.join(text.replace('*/', '').split())} */" if text else ""
