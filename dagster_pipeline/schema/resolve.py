"""From a file's own words to the table that it means: defaults of folders merged in, and every default filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_pipeline.schema.check_models import table_check
from dagster_pipeline.schema.file_models import TableFile
from dagster_pipeline.schema.models import (
    DestinationRef,
    Dialect,
    SourceRef,
    SyncMode,
    TableSchema,
)
from dagster_pipeline.schema.naming import default_group
from dagster_pipeline.schema.personal_data import mask_check


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
        trigger=file.trigger,
        freshness=file.freshness,
        retries=file.retries,
        partitions=file.partitions,
        reconcile=file.reconcile,
        contract=file.contract,
        columns=file.columns,
        checks=(
            *(table_check(entry) for entry in file.checks),
            *mask_check(file.columns, only_new=file.sync.mode is not SyncMode.FULL),
        ),
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
        distributed=section.distributed,
    )
