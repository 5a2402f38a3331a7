"""Maintenance as assets: what they tell is worth keeping, with a history and with checks.

No postponed annotations here: Dagster looks at the asset functions' own to find their config.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.maintenance_run_config import (
    AdviceConfig,
    CleanUpConfig,
    HealthConfig,
    OptimizeRunConfig,
)
from dagster_pipeline.maintenance.health_limits import CHECKS
from dagster_pipeline.schema.models import TableSchema

if TYPE_CHECKING:
    from dagster_pipeline.factories.maintenance_steps import MaintenanceSteps

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
            return self._steps.health(context, config)

        return table_health

    def _optimize(self) -> dg.AssetsDefinition:
        # After the health, which is to show the warehouse as it was.
        @self._asset(
            OPTIMIZE, "Merges partitions with duplicates or many parts, within a budget.", deps=[HEALTH]
        )
        def optimize(context: dg.AssetExecutionContext, config: OptimizeRunConfig) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster wants it bare
            return self._steps.optimize(context, config)

        return optimize

    def _clean_up(self) -> dg.AssetsDefinition:
        @self._asset(
            CLEAN_UP,
            "Purges rows marked as deleted, drops expired partitions and leftover tables, reports unknown ones; "
            "a dry run unless told otherwise.",
        )
        def clean_up(context: dg.AssetExecutionContext, config: CleanUpConfig) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster wants it bare
            return self._steps.clean_up(context, config)

        return clean_up

    def _advice(self) -> dg.AssetsDefinition:
        @self._asset(ADVICE, "How tables are stored, and what could be better, as patches of their files.")
        def storage_advice(context: dg.AssetExecutionContext, config: AdviceConfig) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster wants it bare
            return self._steps.advice(context, config)

        return storage_advice

    @cached_property
    def _steps(self) -> "MaintenanceSteps":
        from dagster_pipeline.factories.maintenance_steps import MaintenanceSteps

        return MaintenanceSteps(schemas=self.schemas, known=self.known, embedded_pool=self.embedded_pool)
