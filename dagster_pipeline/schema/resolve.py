"""From a file's own words to the table that it means: defaults of folders merged in, and every default filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from dagster_pipeline.schema.file_models import CheckEntry, TableFile
from dagster_pipeline.schema.models import (
    DestinationRef,
    Dialect,
    SourceRef,
    TableCheck,
    TableSchema,
)
from dagster_pipeline.schema.naming import default_group

_LONGEST_CHECK_NAME = 100


@dataclass(frozen=True, slots=True)
class TableLocation:
    """A table file and what its path says."""

    path: Path
    dialect: Dialect
    database: str
    table: str


def merge(base: Mapping[str, Any], nearer: Mapping[str, Any]) -> dict[str, Any]:
    """Maps merge key by key; lists and scalars of the nearer file replace those of the base."""
    merged = dict(base)
    for key, value in nearer.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def resolve(file: TableFile, location: TableLocation, lines: Mapping[str, int]) -> TableSchema:
    """The table that a file means."""
    source = _source(file, location)
    return TableSchema(
        path=location.path,
        description=file.description,
        owners=file.owners,
        tags=file.tags,
        group=file.group or default_group(source.database),
        enabled=file.enabled,
        source=source,
        destination=_destination(file, source),
        sync=file.sync,
        schedule=file.schedule,
        freshness=file.freshness,
        retries=file.retries,
        partitions=file.partitions,
        columns=file.columns,
        checks=tuple(table_check(entry) for entry in file.checks),
        lines=lines,
    )


def _source(file: TableFile, location: TableLocation) -> SourceRef:
    section = file.source
    return SourceRef(
        dialect=location.dialect,
        connection=section.connection or location.database,
        database=location.database,
        schema_name=section.schema_name or "public",
        table=section.table or location.table,
        where=section.where,
    )


def _destination(file: TableFile, source: SourceRef) -> DestinationRef:
    section = file.destination
    primary_key = tuple(column.name for column in file.columns if column.primary_key)
    return DestinationRef(
        database=section.database or source.database,
        table=section.table or source.table,
        engine=section.engine or ("ReplacingMergeTree" if primary_key else "MergeTree"),
        order_by=primary_key if section.order_by is None else section.order_by,
        partition_by=section.partition_by,
        ttl=section.ttl,
        settings=section.settings,
    )


def table_check(entry: CheckEntry) -> TableCheck:
    """A check entry with its name; the name stays the same as long as kind and columns do."""
    if entry.not_null is not None:
        return TableCheck(kind="not_null", name=_name("not_null", entry.not_null), columns=entry.not_null)
    if entry.unique is not None:
        return TableCheck(kind="unique", name=_name("unique", entry.unique), columns=entry.unique)
    if entry.accepted_values is not None:
        check = entry.accepted_values
        return TableCheck(
            kind="accepted_values",
            name=_name("accepted_values", (check.column,)),
            columns=(check.column,),
            severity=check.severity,
            arguments={"values": check.values},
        )
    if entry.row_count is not None:
        limits = entry.row_count.model_dump(include={"min", "max"}, exclude_none=True)
        return TableCheck(
            kind="row_count", name="row_count", severity=entry.row_count.severity, arguments=limits
        )
    assert entry.sql is not None  # noqa: S101 -- CheckEntry allows no other case
    arguments = {"query": entry.sql.query, "expect": entry.sql.expect}
    return TableCheck(kind="sql", name=entry.sql.name, severity=entry.sql.severity, arguments=arguments)


def _name(kind: str, columns: tuple[str, ...]) -> str:
    """Kind and columns in letters that a check's name may hold; a digest keeps long and foreign names apart."""
    plain = "_".join((kind, *columns))
    name = re.sub(r"[^A-Za-z0-9_]", "_", plain)
    if name == plain and len(name) <= _LONGEST_CHECK_NAME:
        return name
    return f"{name[: _LONGEST_CHECK_NAME - 9]}_{sha256(plain.encode()).hexdigest()[:8]}"
