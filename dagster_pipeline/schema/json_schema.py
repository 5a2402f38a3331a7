"""The file formats as JSON Schema, for editors: made from the models, so they cannot say anything else than the loader.

`schemas/<kind>.schema.json` holds them. Write them anew with `python -m dagster_pipeline.schema.json_schema` after a change
of the models; a test holds that they are equal. What stands between keys (`rules`) cannot be said here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from dagster_pipeline.schema.api_models import ApiFile
from dagster_pipeline.schema.clickhouse_models import ClickHouseFile
from dagster_pipeline.schema.data_migration_file import MigrationFile
from dagster_pipeline.schema.duration import format_duration
from dagster_pipeline.schema.export_file import ExportFile
from dagster_pipeline.schema.field_types import Model
from dagster_pipeline.schema.file_models import DefaultsFile, TableFile
from dagster_pipeline.schema.quality_models import QualityFile
from dagster_pipeline.schema.reverse_etl_file import ReverseEtlFile
from dagster_pipeline.schema.s3_models import S3File
from dagster_pipeline.schema.snapshot_files import SnapshotFile


class _FileSchema(GenerateJsonSchema):
    """Durations as files write them."""

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


@dataclass(frozen=True, slots=True)
class _Format:
    """A kind of file: its model, and what editors show of it."""

    model: type[Model]
    title: str
    description: str


FORMATS: dict[str, _Format] = {
    "table": _Format(TableFile, "Table file", "One table that is kept in step with its source."),
    "defaults": _Format(
        DefaultsFile, "Defaults of table files", "What all table files below this folder take over."
    ),
    "data_migration": _Format(
        MigrationFile,
        "Data migration file",
        "Rows that move from one application database to another, by rules.",
    ),
    "reverse_etl": _Format(
        ReverseEtlFile,
        "Reverse ETL file",
        "Rows of the warehouse that are written into an application's table.",
    ),
    "exports": _Format(
        ExportFile, "Export file", "Rows of the warehouse that leave it for a bucket or another database."
    ),
    "snapshots": _Format(
        SnapshotFile,
        "Snapshot file",
        "Point-in-time copies of a warehouse table or of a query over such tables.",
    ),
    "data_quality": _Format(
        QualityFile, "Data quality file", "What must hold between several tables of the warehouse."
    ),
    "apis": _Format(ApiFile, "API file", "Answers of a REST API that become rows of one table."),
    "clickhouse": _Format(
        ClickHouseFile, "ClickHouse copy file", "Rows of another ClickHouse that become a table of ours."
    ),
    "s3": _Format(S3File, "S3 file", "Objects of a bucket that become rows of one table."),
}
"""By kind. The schema of a file allows to leave to the folder's defaults what is not required here."""


def rendered(kind: str) -> str:
    """The text of `schemas/<kind>.schema.json`."""
    shown = FORMATS[kind]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_without_noise(shown.model.model_json_schema(schema_generator=_FileSchema)),
        "title": shown.title,
        "description": shown.description,
    }
    return json.dumps(schema, indent=2) + "\n"


def _without_noise(node: Any) -> Any:
    """Without pydantic's titles, which repeat the keys, and without defaults that say nothing: null, lists, maps."""
    if isinstance(node, list):
        return [_without_noise(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_noise(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
        and not (key == "default" and (value is None or isinstance(value, list | dict)))
    }


if __name__ == "__main__":
    for name in FORMATS:
        Path("schemas", f"{name}.schema.json").write_text(rendered(name), encoding="utf-8")
