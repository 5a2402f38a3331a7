"""Assets of data migrations: one step a file, thin, around `Migration`; never scheduled.

No postponed annotations here: Dagster looks at the asset function's own to find its config.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from dagster_pipeline.connections import open_target
from dagster_pipeline.data_migration.migration import Migration, MigrationConfig
from dagster_pipeline.data_migration.migration_files import NamedMigration
from dagster_pipeline.data_migration.result import MigrationResult
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.failures import as_dagster_failures
from dagster_pipeline.factories.table_policies import retry_policy_of
from dagster_pipeline.schema.data_migration_file import KIND, ReferenceRule
from dagster_pipeline.schema.naming import default_group
from dagster_pipeline.schema.target_models import DatabaseTable
from dagster_pipeline.settings import Settings
from dagster_pipeline.targets.base_target import Target

REASONS_SHOWN = 20


class MigrationRunConfig(dg.Config):
    """Choices for one run of a migration, as the launchpad shows them."""

    limit: int | None = Field(
        default=None,
        ge=1,
        description="Look at so many rows at most: the first ones, in the order of the key. Default: all.",
    )
    skip_validation: bool = Field(
        default=False, description="Leave the file's rules out; the target's own constraints still hold."
    )
    dry_run: bool = Field(
        default=False, description="Judge the rows and say what would be moved. Nothing is written."
    )


def data_migration_assets(
    migrations: Sequence[NamedMigration], *, known_sources: Collection[tuple[str, ...]]
) -> Bundle:
    """One asset for each, and an external asset for each source table that no table file has brought already."""
    sources = {each.file.source.asset_key: each.file.source for each in migrations}
    new = [_source(table) for key, table in sources.items() if key not in known_sources]
    return Bundle(assets=[*new, *(_asset(migration) for migration in migrations)])


def _source(table: DatabaseTable) -> dg.AssetSpec:
    return dg.AssetSpec(
        dg.AssetKey(list(table.asset_key)),
        group_name=f"source_{default_group(table.database_name)}",
        kinds={table.dialect},
        metadata={"dagster/table_name": table.full_name, "dagster/storage_kind": table.dialect},
    )


def _asset(migration: NamedMigration) -> dg.AssetsDefinition:
    file = migration.file
    key = dg.AssetKey([migration.name])

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(list(file.source.asset_key))],
        group_name=file.group,
        description=file.description or None,
        owners=list(file.owners),
        tags=dict(file.tags),
        kinds={file.target.dialect},
        metadata={
            "dagster/table_name": file.target.full_name,
            "dagster/storage_kind": file.target.dialect,
            "source table": file.source.full_name,
            "key": ", ".join(file.key),
        },
        retry_policy=retry_policy_of(file.retries),
        pool=f"{file.target.dialect}_{file.target.connection}",
        required_resource_keys={"state"},
        output_required=False,  # a dry run materializes nothing
    )
    def migrate(context: dg.AssetExecutionContext, config: MigrationRunConfig) -> Iterator[Any]:
        yield from _results(context, migration, key, config)

    return migrate


def _results(
    context: dg.AssetExecutionContext,
    migration: NamedMigration,
    key: dg.AssetKey,
    config: MigrationRunConfig,
) -> list[Any]:
    file, run_id, settings = migration.file, context.run.run_id, Settings.from_environment()
    comment = f"{KIND}/{migration.name} run {run_id}"

    def open_reference(rule: ReferenceRule) -> Target:
        return open_target(settings, file.target.model_copy(update={"table": rule.table}), comment=comment)

    with (
        as_dagster_failures(context, table=migration.name),
        context.resources.state.open() as state,
        open_target(settings, file.source, comment=comment) as source,
        open_target(settings, file.target, comment=comment) as target,
    ):
        result = Migration(
            migration.name,
            file,
            source=source,
            target=target,
            state=state,
            run_id=run_id,
            open_reference=open_reference,
            config=MigrationConfig(config.limit, config.skip_validation, config.dry_run),
            report_path=settings.dagster_home / "reports" / KIND / migration.name / f"{run_id}.jsonl",
            progress=lambda rows: context.log.info("%s: %s rows looked at", migration.name, rows),
        ).run()
    context.log.info(result.says)
    if result.dry_run:
        context.log_event(dg.AssetObservation(key, metadata=result_metadata(result)))
        return []
    return [dg.MaterializeResult(metadata=result_metadata(result))]


def result_metadata(result: MigrationResult) -> dict[str, Any]:
    """One run as metadata; numbers stay numbers, so that they plot."""
    counts = result.counts
    reasons = [f"- {rows:,} row(s): {reason}" for reason, rows in result.reasons.items()]
    return {
        "summary": result.says,
        "rows looked at": result.looked_at,
        "accepted rows": result.accepted,
        "inserted rows": counts.inserted,
        "updated rows": counts.updated,
        "rows there already": counts.kept + counts.unchanged,
        "rejected rows": counts.rejected,
        "rows that read back differently": counts.differing,
        "reasons of rejects": dg.MetadataValue.md("\n".join(reasons[:REASONS_SHOWN]) or "none"),
        "rejected": _rejected(result),
        "columns left behind": ", ".join(result.left_behind) or "none",
        "report of every row": dg.MetadataValue.path(result.report),
        "seconds": round(result.seconds, 3),
    }


def _rejected(result: MigrationResult) -> dg.TableMetadataValue | str:
    """The first rejected rows."""
    if not result.rejected:
        return "none"
    records = [
        dg.TableRecord({"key": ", ".join(row.key), "reasons": "; ".join(row.reasons)})
        for row in result.rejected
    ]
    columns = [dg.TableColumn("key", "string"), dg.TableColumn("reasons", "string")]
    return dg.TableMetadataValue(records, dg.TableSchema(columns))
