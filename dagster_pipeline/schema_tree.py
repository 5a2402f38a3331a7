"""The one place where table files and the type mapper meet: what the Dagster location and the commands load."""

from __future__ import annotations

from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.settings import Settings
from dagster_pipeline.type_mapper.type_mapper import TypeMapper


def load_tables(settings: Settings) -> tuple[TableSchema, ...]:
    """Every table of the tree, judged by all rules. Raises `SchemaFilesError` with every problem of every file."""
    return SchemaLoader(settings.schemas_dir, judges=(TypeMapper().problems,)).load()
