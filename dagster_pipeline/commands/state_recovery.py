"""The actions of `state` that need the table's file, its source and the warehouse: a lost cursor, a range once more."""

from __future__ import annotations

import argparse
import uuid

from dagster_pipeline.commands import state_report as report
from dagster_pipeline.commands.state_report import Report
from dagster_pipeline.connections import open_source, open_warehouse
from dagster_pipeline.connectors.batch import Window
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.reconcile.rebuild import rebuild_position
from dagster_pipeline.schema.finding import suggest
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.config import SyncConfig, refuse_senseless
from dagster_pipeline.sync.engine import TableSync


def rebuild(store: StateManager, arguments: argparse.Namespace, settings: Settings) -> Report:
    """Find the cursor of a table again whose state was lost. Raises `PipelineError`."""
    schema = _schema(settings, arguments.table)
    run_id = f"state rebuild {uuid.uuid4().hex[:12]}"
    before = store.read(schema.name)
    with open_source(settings, schema) as source, open_warehouse(settings, run_id=run_id) as sink:
        rebuilt = rebuild_position(
            schema, source=source, sink=sink, state=store, run_id=run_id, apply=arguments.apply
        )
    return report.of_rebuild(before, rebuilt, applied=arguments.apply)


def reread(store: StateManager, arguments: argparse.Namespace, settings: Settings) -> Report:
    """Read the rows of a range of cursor values again. Raises `PipelineError`."""
    schema = _schema(settings, arguments.table)
    config = SyncConfig(window_from=arguments.first, window_to=arguments.last)
    if not config.overrides_window:
        raise ConfigurationError("Which range is to be read again?", todo="Give --from, --to or both.")
    refuse_senseless(config, schema, by_partition=schema.partitions is not None)
    window = Window(cursor=schema.sync.cursor, lower=arguments.first, upper=arguments.last)
    with open_source(settings, schema) as source:
        source.describe()
        at_source = source.count(window)
        if not arguments.apply:
            return report.of_reread(schema.name, window, at_source=at_source, result=None)
        run_id = f"state reread {uuid.uuid4().hex[:12]}"
        with open_warehouse(settings, run_id=run_id) as sink:
            result = TableSync(
                schema, source=source, sink=sink, state=store, run_id=run_id, config=config
            ).run()
    return report.of_reread(schema.name, window, at_source=at_source, result=result)


def _schema(settings: Settings, name: str) -> TableSchema:
    by_name = {table.name: table for table in load_tables(settings)}
    if name not in by_name:
        todo = suggest(name, by_name, otherwise="Write <destination database>/<table>.")
        raise ConfigurationError(f"No file brings {name!r} into the warehouse.", todo=todo)
    return by_name[name]
