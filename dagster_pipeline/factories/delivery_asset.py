"""What assets that land deliveries have in common, whatever the deliveries come from.

No postponed annotations here: Dagster looks at the asset function's own to find its config.
"""

import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg
from pydantic import Field

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable, WriteRequest
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.landing_sink import LandingSink
from dagster_pipeline.connectors.sources.base_delivery_source import BaseDeliverySource, Delivery
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.etl_base_factory import EMBEDDED_POOL
from dagster_pipeline.factories.failures import as_dagster_failures
from dagster_pipeline.factories.table_checks import (
    check_specs,
    run_checks,
    subject_of_landing,
    whole_table,
)
from dagster_pipeline.factories.table_metadata import column_schema
from dagster_pipeline.factories.table_policies import freshness_policy, retry_policy
from dagster_pipeline.factories.table_schedules import default_status
from dagster_pipeline.landing.destination import landing_table
from dagster_pipeline.landing.result import LandingResult
from dagster_pipeline.landing.table_landing import TableLanding
from dagster_pipeline.schema.delivery_models import DeliveryFile
from dagster_pipeline.schema.discovery import shown_path
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.schema.models import Schedule
from dagster_pipeline.schema.naming import default_group
from dagster_pipeline.state.state_manager import StateManager

LISTED = 20


class LandingRunConfig(dg.Config):
    """Choices for one run; a schedule makes none."""

    limit: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Land no more deliveries than these; the next run goes on from there.",
    )
    allow_shrink: bool = Field(
        default=False,
        description="Let a table that is replaced as a whole be left with less than half of its rows.",
    )
    dry_run: bool = Field(
        default=False, description="Say what is new and land nothing; no materialization is recorded."
    )


OpenSource = Callable[[StateManager, str], BaseDeliverySource]
"""Opens the source of one run: given the state store and the run's id."""

ByWarehouse = Callable[[Any, LandingSink], Callable[[Delivery, WriteRequest], int]]
"""Given source and sink, what lets the warehouse itself read a delivery."""


@dataclass(frozen=True)
class DeliveryAsset:
    """One asset that lands deliveries.

    Attributes:
        kind: of the source, e.g. `s3`: a tag in the UI, and part of the pool's name.
        delivered: the file that declares it.
        connection: the source's; assets that share it share a pool, unless all share the embedded warehouse's.
        source_key: key of the external asset that stands for where the rows come from.
        where: of the source, for people; holds no secret.
        open_source: opens where the rows come from; state store and warehouse are opened around it.
        landing: further choices of `TableLanding`.
        by_warehouse: lets the warehouse itself read; `None` streams through us.
    """

    kind: str
    delivered: KindFile[Any]
    connection: str
    source_key: tuple[str, ...]
    where: str
    open_source: OpenSource
    landing: Mapping[str, Any] = field(default_factory=dict)
    by_warehouse: ByWarehouse | None = None

    @property
    def table(self) -> SinkTable:
        """The destination."""
        return landing_table(self.file, self.delivered.name)

    @property
    def file(self) -> DeliveryFile:
        """What the file says."""
        file: DeliveryFile = self.delivered.value
        return file

    @property
    def key(self) -> dg.AssetKey:
        """`<destination database>/<table>`."""
        return dg.AssetKey([self.table.database, self.table.name])

    def source_spec(self) -> dg.AssetSpec:
        """The external asset."""
        return dg.AssetSpec(
            dg.AssetKey(list(self.source_key)),
            group_name=f"source_{self._group}",
            kinds={self.kind},
            description=f"Source of {self.key.to_user_string()}: {self.where}.",
        )

    def asset(self, *, embedded_warehouse: bool) -> dg.AssetsDefinition:
        """The asset itself."""
        file = self.file

        @dg.asset(
            key=self.key,
            deps=[dg.AssetKey(list(self.source_key))],
            group_name=self._group,
            description=file.description or None,
            owners=list(file.owners),
            tags=dict(file.tags),
            kinds={"clickhouse", self.kind},
            metadata={
                "dagster/column_schema": column_schema(self.table),
                "dagster/table_name": self.table.full_name,
                "dagster/storage_kind": "clickhouse",
                "table file": dg.MetadataValue.path(shown_path(self.delivered.path)),
            },
            check_specs=check_specs(file.table_checks, self.key),
            retry_policy=retry_policy(file),
            freshness_policy=freshness_policy(file),
            pool=EMBEDDED_POOL if embedded_warehouse else f"{self.kind}_{self.connection}",
            required_resource_keys={"clickhouse", "state"},
            output_required=False,  # a dry run materializes nothing
        )
        def land_deliveries(context: dg.AssetExecutionContext, config: LandingRunConfig) -> Any:
            yield from self._results(context, config)

        return land_deliveries

    def schedule(self, *, running: bool) -> dg.ScheduleDefinition | None:
        """When to look for something new; `None` when the file names no time."""
        when = self.file.schedule
        if not isinstance(when, Schedule):
            return None
        return dg.ScheduleDefinition(
            name=f"{self.key.to_python_identifier()}_schedule",
            target=dg.AssetSelection.assets(self.key),
            cron_schedule=when.cron,
            execution_timezone=when.timezone,
            default_status=default_status(running=running),
            description=f"Looks for what is new for {self.key.to_user_string()}.",
        )

    @property
    def _group(self) -> str:
        return self.file.group or default_group(self.file.destination.database)

    @contextmanager
    def _opened(
        self, context: dg.AssetExecutionContext
    ) -> Generator[tuple[TableLanding, ClickHouseSink], None, None]:
        """What one run needs, and the warehouse for its checks; the embedded one is opened last, since others wait for it."""
        resources, run_id = context.resources, context.run.run_id
        with (
            resources.state.open() as state,
            self.open_source(state, run_id) as source,
            resources.clickhouse.open(run_id=run_id) as sink,
        ):
            landing = TableLanding(
                table=self.table,
                source=source,
                sink=sink,
                state=state,
                run_id=run_id,
                by_warehouse=self.by_warehouse(source, sink) if self.by_warehouse else None,
                counts_before=any("change" in check.arguments for check in self.file.table_checks),
                **self.landing,
            )
            yield landing, sink

    def _results(
        self, context: dg.AssetExecutionContext, config: LandingRunConfig
    ) -> Sequence[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        name, checks, began = self.key.to_user_string(), self.file.table_checks, time.monotonic()
        with as_dagster_failures(context, table=name), self._opened(context) as (landing, sink):
            if config.dry_run:
                wanted = landing.wanted()
                metadata: dict[str, Any] = {
                    "would land": len(wanted.fresh),
                    "names": [delivery.name for delivery in wanted.fresh[:LISTED]],
                    "changed, not to be landed": wanted.changed[:LISTED],
                }
                context.log_event(dg.AssetObservation(self.key, metadata=metadata))
                # declared ones must have a result
                return list(run_checks(checks, whole_table(self.table), self.key, sink.rows))
            result = _chosen(landing, config, context).run()
            for note in result.notes:
                context.log.warning("%s: %s", name, note)
            subject = subject_of_landing(result, seconds=time.monotonic() - began)
            sink.catch_up(subject.table)
            checked = list(run_checks(checks, subject, self.key, sink.rows))
            return [dg.MaterializeResult(metadata=result_metadata(result), check_results=checked)]


def result_metadata(result: LandingResult) -> dict[str, Any]:
    """What the UI shows of a run."""
    return {
        "dagster/row_count": result.rows_in_destination,
        "rows": result.rows,
        "deliveries": len(result.landed),
        "deliveries left": result.left,
        "deliveries skipped": list(result.skipped[:LISTED]),
        "rejected rows": result.rejected,
        "source bytes": result.bytes,
        "seconds": round(result.seconds, 3),
        "rows per second": round(result.rows / result.seconds, 1) if result.seconds > 0 else 0.0,
        "names": [each.delivery for each in result.landed[:LISTED]],
        "DDL": list(result.statements),
    }


def bundle_of(
    assets: Iterable[DeliveryAsset], *, embedded_warehouse: bool, schedules_running: bool
) -> Bundle:
    """Everything of those whose files are enabled."""
    enabled = [asset for asset in assets if asset.file.enabled]
    sources = {asset.source_key: asset.source_spec() for asset in enabled}
    landed = [asset.asset(embedded_warehouse=embedded_warehouse) for asset in enabled]
    schedules = [asset.schedule(running=schedules_running) for asset in enabled]
    return Bundle(
        assets=[*sources.values(), *landed], schedules=[schedule for schedule in schedules if schedule]
    )


def _chosen(
    landing: TableLanding, config: LandingRunConfig, context: dg.AssetExecutionContext
) -> TableLanding:
    """The same, with the run's choices and a voice."""
    return replace(
        landing,
        limit=config.limit,
        allow_shrink=config.allow_shrink,
        report=lambda done, total: context.log.info("%d of %d deliveries landed.", done, total),
    )
