"""What every table's asset has in common, whatever its source: the asset itself, thin, around `table_step`.

A sibling factory per source database says how that source is opened; nothing else differs.

No postponed annotations here: Dagster looks at the asset function's own to find its config.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.etl_run_config import EtlRunConfig
from dagster_pipeline.factories.quarantine_check import quarantine_spec
from dagster_pipeline.factories.table_checks import check_specs
from dagster_pipeline.factories.table_metadata import definition_metadata
from dagster_pipeline.factories.table_partitions import partitions_def
from dagster_pipeline.factories.table_policies import backfill_policy, freshness_policy, retry_policy
from dagster_pipeline.factories.table_schedules import asset_key
from dagster_pipeline.schema.models import Dialect, TableSchema
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

EMBEDDED_POOL = "clickhouse_embedded"
"""One process may open the embedded warehouse at a time, so all its tables share this pool, whose limit is one."""

RUN_CONFIG_SCHEMA = EtlRunConfig.to_config_schema().as_field()
"""Made once: from an annotated argument Dagster makes it for every table, which was a fifth of the time to load definitions."""


@dataclass(frozen=True)
class EtlFactory:
    """Builds the assets of one source dialect.

    Attributes:
        dialect: also the key of the resource that opens the source, and the asset's kind.
        embedded_warehouse: all tables share one pool instead of one per source connection.
    """

    dialect: Dialect
    embedded_warehouse: bool

    def build(self, schemas: Sequence[TableSchema]) -> Bundle:
        """Assets of these tables, and an external asset for each source table."""
        sources = {schema.source.asset_key: self._source_spec(schema) for schema in schemas}
        return Bundle(assets=[*sources.values(), *(self._asset(schema) for schema in schemas)])

    def _source_spec(self, schema: TableSchema) -> dg.AssetSpec:
        source = schema.source
        relation = f"{source.schema_name}.{source.table}" if self.dialect == "postgres" else source.table
        return dg.AssetSpec(
            dg.AssetKey(list(source.asset_key)),
            group_name=f"source_{schema.group}",
            kinds={self.dialect},
            description=f"Source of {schema.name}.",
            metadata={
                "dagster/table_name": f"{source.database}.{relation}",
                "dagster/storage_kind": self.dialect,
            },
        )

    def _asset(self, schema: TableSchema) -> dg.AssetsDefinition:
        key, source_key = asset_key(schema), dg.AssetKey(list(schema.source.asset_key))
        table = sink_table(schema, TypeMapper().map(schema))

        @dg.asset(
            key=key,
            deps=[source_key],
            group_name=schema.group,
            description=schema.description or None,
            owners=list(schema.owners),
            tags=dict(schema.tags),
            kinds={"clickhouse", self.dialect},
            metadata=definition_metadata(schema, table, source_key),
            check_specs=[*check_specs(schema.checks, key), *quarantine_spec(schema, key)],
            retry_policy=retry_policy(schema),
            freshness_policy=freshness_policy(schema),
            partitions_def=partitions_def(schema),
            backfill_policy=backfill_policy(schema),
            pool=EMBEDDED_POOL if self.embedded_warehouse else f"{self.dialect}_{schema.source.connection}",
            required_resource_keys={"clickhouse", "state", self.dialect},
            output_required=False,  # a dry run materializes nothing
            config_schema=RUN_CONFIG_SCHEMA,
        )
        def sync_table(context: dg.AssetExecutionContext) -> Iterator[Any]:
            config = EtlRunConfig(**context.op_execution_context.op_config)
            from dagster_pipeline.factories.table_step import step_results

            yield from step_results(context, config, schema, key)

        return sync_table
