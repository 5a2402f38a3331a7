"""Assets for tables that come from PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.etl_base_factory import EtlFactory
from dagster_pipeline.schema.models import TableSchema


def postgres_to_clickhouse(schemas: Sequence[TableSchema], *, embedded_warehouse: bool) -> Bundle:
    """One asset per table whose file stands under `schemas/postgres/`."""
    return EtlFactory("postgres", embedded_warehouse).build(
        [s for s in schemas if s.source.dialect == "postgres"]
    )
