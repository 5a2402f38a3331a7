"""What the assets of maintenance do when they are run. Imported by the first of them: most processes run none."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.factories.failures import as_dagster_failures
from dagster_pipeline.factories.maintenance_metadata import (
    TableAdvice,
    advice_metadata,
    clean_up_metadata,
    health_metadata,
    health_results,
    optimize_metadata,
)
from dagster_pipeline.factories.maintenance_run_config import (
    AdviceConfig,
    CleanUpConfig,
    HealthConfig,
    OptimizeRunConfig,
)
from dagster_pipeline.maintenance.column_use import read_use
from dagster_pipeline.maintenance.expiry import expire
from dagster_pipeline.maintenance.health_limits import HealthLimits, Limit, judge
from dagster_pipeline.maintenance.leftovers import LeftoverConfig, clear_leftovers
from dagster_pipeline.maintenance.optimization import OptimizeConfig, Optimizer
from dagster_pipeline.maintenance.purge import PurgeConfig, purge
from dagster_pipeline.maintenance.storage_advice import advise
from dagster_pipeline.maintenance.table_health import read_health
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

_GIB = 1 << 30


@dataclass(frozen=True)
class MaintenanceSteps:
    """One method for each asset; the attributes are the factory's."""

    schemas: Sequence[TableSchema]
    known: Collection[tuple[str, str]]
    embedded_pool: str | None

    def health(self, context: dg.AssetExecutionContext, config: HealthConfig) -> dg.MaterializeResult[None]:
        """Figures of every table, and which are too high."""
        with _opened(context) as (sink, _state):
            tables = read_health(sink, [database for database, _ in self.known])
        findings = judge(tables, _limits(config))
        return dg.MaterializeResult(
            metadata=health_metadata(tables, findings),
            check_results=health_results(context.asset_key, findings),
        )

    def optimize(
        self, context: dg.AssetExecutionContext, config: OptimizeRunConfig
    ) -> dg.MaterializeResult[None]:
        """Merges within a budget."""
        budget = OptimizeConfig(
            seconds=config.minutes * 60,
            bytes=int(config.gigabytes * _GIB),
            min_duplicates=config.min_duplicates,
            min_parts=config.min_parts,
            dry_run=config.dry_run,
        )
        with _opened(context) as (sink, state):
            result = Optimizer(
                sink,
                state=state,
                owner=_owner(context),
                config=budget,
                is_wanted_elsewhere=lambda: self._somebody_waits(context),
            ).run(self._tables())
        return dg.MaterializeResult(metadata=optimize_metadata(result))

    def clean_up(
        self, context: dg.AssetExecutionContext, config: CleanUpConfig
    ) -> dg.MaterializeResult[None]:
        """What may go goes, unless it is a dry run."""
        owner, tables = _owner(context), self._tables()
        clearing = LeftoverConfig(
            staging_days=config.staging_days, quarantine_days=config.quarantine_days, dry_run=config.dry_run
        )
        purging = PurgeConfig(
            days=config.deleted_days,
            min_share=config.min_deleted,
            seconds=config.purge_minutes * 60,
            dry_run=config.dry_run,
        )
        with _opened(context) as (sink, state):
            leftovers = clear_leftovers(sink, self.known, state=state, owner=owner, config=clearing)
            expired = expire(sink, tables, state=state, owner=owner, dry_run=config.dry_run)
            purged = purge(sink, tables, state=state, owner=owner, config=purging)
        return dg.MaterializeResult(
            metadata={"dry run": config.dry_run, **clean_up_metadata(purged, expired, leftovers)}
        )

    def advice(self, context: dg.AssetExecutionContext, config: AdviceConfig) -> dg.MaterializeResult[None]:
        """Looks at one table after the other."""
        until, seen = time.monotonic() + config.minutes * 60, list[TableAdvice]()
        with _opened(context) as (sink, _state):
            for schema, table in zip(self.schemas, self._tables(), strict=True):
                if time.monotonic() > until:
                    break
                use = read_use(sink, table)
                if use is not None:
                    seen.append(TableAdvice(schema, use, advise(use, schema)))
        return dg.MaterializeResult(metadata=advice_metadata(seen))

    def _tables(self) -> list[SinkTable]:
        mapper = TypeMapper()
        return [sink_table(schema, mapper.map(schema)) for schema in self.schemas]

    def _somebody_waits(self, context: dg.AssetExecutionContext) -> bool:
        """A step of another table wants the embedded warehouse, which this one holds."""
        if self.embedded_pool is None:
            return False
        pool = context.instance.event_log_storage.get_concurrency_info(self.embedded_pool)
        return bool(pool.pending_step_count)


def _owner(context: dg.AssetExecutionContext) -> str:
    return f"maintenance run {context.run.run_id}"


def _limits(config: HealthConfig) -> HealthLimits:
    return HealthLimits(
        partitions=Limit(config.partitions_warn, config.partitions_error),
        parts_per_partition=Limit(config.parts_warn, config.parts_error),
        merge_backlog=Limit(config.backlog_warn, config.backlog_error),
        mutation_seconds=Limit(config.mutation_warn_seconds, config.mutation_error_seconds),
        detached_parts=Limit(config.detached_warn, config.detached_error),
    )


@contextmanager
def _opened(context: dg.AssetExecutionContext) -> Iterator[tuple[ClickHouseSink, StateManager]]:
    resources = context.resources
    with (
        as_dagster_failures(context, table=context.asset_key.to_user_string()),
        resources.state.open() as state,
        resources.clickhouse.open(run_id=context.run.run_id) as sink,
    ):
        yield sink, state
