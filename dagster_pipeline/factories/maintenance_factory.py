"""Maintenance as assets: what they tell is worth keeping, with a history and with checks.

No postponed annotations here: Dagster looks at the asset functions' own to find their config.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.factories.bundle import Bundle
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
from dagster_pipeline.maintenance.health_limits import CHECKS, judge
from dagster_pipeline.maintenance.leftovers import clear_leftovers
from dagster_pipeline.maintenance.optimization import Optimizer
from dagster_pipeline.maintenance.purge import purge
from dagster_pipeline.maintenance.storage_advice import advise
from dagster_pipeline.maintenance.table_health import read_health
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

PREFIX = "maintenance"
HEALTH = dg.AssetKey([PREFIX, "table_health"])
OPTIMIZE = dg.AssetKey([PREFIX, "optimize"])
CLEAN_UP = dg.AssetKey([PREFIX, "clean_up"])
ADVICE = dg.AssetKey([PREFIX, "storage_advice"])

AssetDecorator = Callable[[Callable[..., Any]], dg.AssetsDefinition]


@dataclass(frozen=True)
class MaintenanceFactory:
    """Builds the assets.

    Attributes:
        schemas: the tables that are looked after.
        known: database and name of every table that a file of any kind names.
        embedded_pool: the pool of the embedded warehouse, `None` for a server.
    """

    schemas: Sequence[TableSchema]
    known: Collection[tuple[str, str]]
    embedded_pool: str | None

    def build(self) -> Bundle:
        """The assets; none without a table."""
        if not self.known:
            return Bundle()
        return Bundle(assets=[self._health(), self._optimize(), self._clean_up(), self._advice()])

    def _asset(self, key: dg.AssetKey, description: str, **more: Any) -> AssetDecorator:
        decorator: AssetDecorator = dg.asset(
            key=key,
            group_name=PREFIX,
            kinds={"clickhouse"},
            description=description,
            pool=self.embedded_pool,
            required_resource_keys={"clickhouse", "state"},
            **more,
        )
        return decorator

    def _health(self) -> dg.AssetsDefinition:
        specs = [dg.AssetCheckSpec(name, asset=HEALTH, description=text) for name, text in CHECKS.items()]

        @self._asset(
            HEALTH, "Parts, partitions, merges, mutations and replicas of every table.", check_specs=specs
        )
        def table_health(context: dg.AssetExecutionContext, config: HealthConfig) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster wants it bare
            with _opened(context, HEALTH) as (sink, _state):
                tables = read_health(sink, [database for database, _ in self.known])
            findings = judge(tables, config.limits())
            return dg.MaterializeResult(
                metadata=health_metadata(tables, findings), check_results=health_results(HEALTH, findings)
            )

        return table_health

    def _optimize(self) -> dg.AssetsDefinition:
        # After the health, which is to show the warehouse as it was.
        @self._asset(
            OPTIMIZE, "Merges partitions with duplicates or many parts, within a budget.", deps=[HEALTH]
        )
        def optimize(context: dg.AssetExecutionContext, config: OptimizeRunConfig) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster wants it bare
            with _opened(context, OPTIMIZE) as (sink, state):
                result = Optimizer(
                    sink,
                    state=state,
                    owner=f"maintenance run {context.run.run_id}",
                    config=config.choices(),
                    is_wanted_elsewhere=lambda: self._somebody_waits(context),
                ).run(self._tables())
            return dg.MaterializeResult(metadata=optimize_metadata(result))

        return optimize

    def _clean_up(self) -> dg.AssetsDefinition:
        @self._asset(
            CLEAN_UP,
            "Purges rows marked as deleted, drops expired partitions and leftover tables, reports unknown ones; "
            "a dry run unless told otherwise.",
        )
        def clean_up(context: dg.AssetExecutionContext, config: CleanUpConfig) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster wants it bare
            owner, tables = f"maintenance run {context.run.run_id}", self._tables()
            with _opened(context, CLEAN_UP) as (sink, state):
                leftovers = clear_leftovers(
                    sink, self.known, state=state, owner=owner, config=config.clearing()
                )
                expired = expire(sink, tables, state=state, owner=owner, dry_run=config.dry_run)
                purged = purge(sink, tables, state=state, owner=owner, config=config.purging())
            return dg.MaterializeResult(
                metadata={"dry run": config.dry_run, **clean_up_metadata(purged, expired, leftovers)}
            )

        return clean_up

    def _advice(self) -> dg.AssetsDefinition:
        @self._asset(ADVICE, "How tables are stored, and what could be better, as patches of their files.")
        def storage_advice(context: dg.AssetExecutionContext, config: AdviceConfig) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster wants it bare
            until, seen = time.monotonic() + config.minutes * 60, list[TableAdvice]()
            with _opened(context, ADVICE) as (sink, _state):
                for schema, table in zip(self.schemas, self._tables(), strict=True):
                    if time.monotonic() > until:
                        break
                    use = read_use(sink, table)
                    if use is not None:
                        seen.append(TableAdvice(schema, use, advise(use, schema)))
            return dg.MaterializeResult(metadata=advice_metadata(seen))

        return storage_advice

    def _tables(self) -> list[SinkTable]:
        mapper = TypeMapper()
        return [sink_table(schema, mapper.map(schema)) for schema in self.schemas]

    def _somebody_waits(self, context: dg.AssetExecutionContext) -> bool:
        """A step of another table wants the embedded warehouse, which this one holds."""
        if self.embedded_pool is None:
            return False
        pool = context.instance.event_log_storage.get_concurrency_info(self.embedded_pool)
        return bool(pool.pending_step_count)


@contextmanager
def _opened(
    context: dg.AssetExecutionContext, key: dg.AssetKey
) -> Iterator[tuple[ClickHouseSink, StateManager]]:
    resources = context.resources
    with (
        as_dagster_failures(context, table=key.to_user_string()),
        resources.state.open() as state,
        resources.clickhouse.open(run_id=context.run.run_id) as sink,
    ):
        yield sink, state
