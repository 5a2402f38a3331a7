"""Assets of exports: one step a file, thin, around `Exporting`; their job and schedules.

No postponed annotations here: Dagster looks at the asset function's own to find its config.
"""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import dagster as dg
from pydantic import Field

from dagster_pipeline.export_sinks import open_export_sink
from dagster_pipeline.exports.named_export import NamedExport
from dagster_pipeline.exports.result import ExportResult
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.failures import as_dagster_failures
from dagster_pipeline.factories.kind_schedules import kind_schedule
from dagster_pipeline.factories.table_metadata import sql_text
from dagster_pipeline.factories.table_policies import freshness_policy, retry_policy
from dagster_pipeline.schema.export_file import KIND
from dagster_pipeline.settings import Settings


class ExportRunConfig(dg.Config):
    """Choices for one run of an export; a schedule makes none."""

    dry_run: bool = Field(
        default=False,
        description="Say what would be read and written; nothing is done, and no materialization is recorded.",
    )
    full_refresh: bool = Field(
        default=False,
        description="Export every row and exchange what the destination has for them, whatever the mode is.",
    )


def export_assets(
    exports: Sequence[NamedExport], *, embedded_pool: str | None, schedules_running: bool
) -> Bundle:
    """Assets, the one job over them, and a schedule for each file that has one."""
    if not exports:
        return Bundle()
    job = dg.define_asset_job(
        KIND,
        selection=dg.AssetSelection.assets(*(export_key(export) for export in exports)),
        description="Exports the rows of the selected files; of all of them when none is selected.",
    )
    return Bundle(
        assets=[_asset(export, embedded_pool) for export in exports],
        jobs=[job],
        schedules=[
            kind_schedule(
                f"{KIND}__{export.name}".replace("-", "_").replace(".", "_"), export_key(export), job,
                export.file.schedule, running=schedules_running,
            )
            for export in exports
            if export.file.schedule is not None
        ],
    )  # fmt: skip


def export_key(export: NamedExport) -> dg.AssetKey:
    """`exports/<file>`."""
    return dg.AssetKey([KIND, export.name])


def _asset(export: NamedExport, embedded_pool: str | None) -> dg.AssetsDefinition:
    file, key = export.file, export_key(export)

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(name.split("/")) for name in export.sources],
        group_name=file.group,
        description=file.description or None,
        owners=list(file.owners),
        tags=dict(file.tags),
        kinds={"clickhouse", file.sink.kind},
        metadata={
            "dagster/table_name": file.sink.full_name,
            "dagster/storage_kind": file.sink.kind,
            "mode": str(file.export_mode),
            "key": ", ".join(file.key),
            "export file": dg.MetadataValue.path(str(export.path)),
        },
        retry_policy=retry_policy(file),
        freshness_policy=freshness_policy(file),
        pool=embedded_pool or f"{file.sink.kind}_{file.sink.connection}",
        required_resource_keys={"clickhouse", "state"},
        output_required=False,  # a dry run materializes nothing
    )
    def export_rows(context: dg.AssetExecutionContext, config: ExportRunConfig) -> Any:
        yield from _results(context, export, config)

    return export_rows


def _results(
    context: dg.AssetExecutionContext, export: NamedExport, config: ExportRunConfig
) -> list[dg.MaterializeResult[None]]:
    from dagster_pipeline.exports.exporting import Exporting  # noqa: PLC0415 -- pyarrow takes half a second

    resources, run_id, name = context.resources, context.run.run_id, export.state_name
    with (
        as_dagster_failures(context, table=name),
        resources.state.open() as state,
        closing(open_export_sink(Settings.from_environment(), export)) as sink,
        resources.clickhouse.open(run_id=run_id) as warehouse,
    ):
        exporting = Exporting(
            export=export,
            warehouse=warehouse,
            sink=sink,
            state=state,
            run_id=run_id,
            full_refresh=config.full_refresh,
            report=lambda rows: context.log.info("%s: %s rows were read.", name, f"{rows:,}"),
        )
        result = exporting.dry_run() if config.dry_run else exporting.run()
    for note in result.notes:
        context.log.warning("%s: %s", name, note)
    if result.dry_run:
        context.log_event(dg.AssetObservation(export_key(export), metadata=result_metadata(result)))
        return []
    return [dg.MaterializeResult(metadata=result_metadata(result))]


def result_metadata(result: ExportResult) -> dict[str, Any]:
    """One run as metadata; numbers stay numbers, so that they plot. Those of a dry run have labels of their own."""
    about = {
        "mode": str(result.mode),
        "place": result.place,
        "versions": f"above {result.above}, up to {result.up_to}" if result.up_to else "all",
        "source query": sql_text(result.select),
        "notes": list(result.notes),
    }
    if result.dry_run:
        return {"would export rows": result.rows, **about}
    known = {"dagster/row_count": result.place_rows} if result.place_rows is not None else {}
    return {
        **known,
        "rows": result.rows,
        "bytes": result.bytes,
        "seconds": round(result.seconds, 3),
        "rows per second": round(result.rows / result.seconds, 1) if result.seconds > 0 else 0.0,
        "load": result.load or "nothing was new",
        "finished loads": list(result.finished),
        "dates exported anew": result.slices,
        **about,
    }
