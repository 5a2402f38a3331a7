"""`reverse-etl`: runs a flow from the shell, lists what can be taken back, and takes it back.

Exit codes: 0 done; 1 it failed, or something was rejected, or could not be taken back; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from contextlib import closing

from dagster_pipeline.commands.command import Command
from dagster_pipeline.connections import open_state, open_target, open_warehouse
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.reverse_etl.flow import Flow
from dagster_pipeline.reverse_etl.images import kept_loads
from dagster_pipeline.reverse_etl.run import ReverseEtl, ReverseEtlConfig
from dagster_pipeline.reverse_etl.undo import Undo
from dagster_pipeline.schema.finding import suggest
from dagster_pipeline.schema_tree import load_tree
from dagster_pipeline.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `reverse-etl`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    run_ = actions.add_parser("run", help="write what has changed")
    run_.add_argument("name", help="the file's name, without .yml")
    run_.add_argument("--dry-run", action="store_true", help="count, and write nothing")
    run_.add_argument(
        "--allow-change", action="store_true", help="change also more rows than max_change allows"
    )
    run_.add_argument("--full-refresh", action="store_true", help="take no row for known")
    runs = actions.add_parser("runs", help="list the runs that can be taken back")
    runs.add_argument("name", help="the file's name, without .yml")
    undo = actions.add_parser("undo", help="make rows again what they were before a run")
    undo.add_argument("name", help="the file's name, without .yml")
    undo.add_argument("of", metavar="run", help="the run's id, or a load's, as `runs` lists them")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Do one of them. Raises `PipelineError`."""
    flow = _flow(settings, arguments.name)
    actions = {"run": _run, "runs": _runs, "undo": _undo}
    return actions[arguments.action](flow, arguments, settings)


def _flow(settings: Settings, name: str) -> Flow:
    flows = {flow.name: flow for flow in load_tree(settings).reverse_etl}
    if name not in flows:
        todo = suggest(name, flows, otherwise="Write the name of a file in schemas/reverse_etl/.")
        raise ConfigurationError(f"There is no reverse ETL file {name!r}.", todo=todo)
    return flows[name]


def _run(flow: Flow, arguments: argparse.Namespace, settings: Settings) -> int:
    run_id = f"shell-{uuid.uuid4().hex[:12]}"
    config = ReverseEtlConfig(arguments.dry_run, arguments.allow_change, arguments.full_refresh)
    with (
        closing(open_state(settings)) as state,
        open_target(settings, flow.file.target, comment=f"{flow.state_name} run {run_id}") as target,
        open_warehouse(settings, run_id=run_id) as sink,
    ):
        result = ReverseEtl(flow, sink=sink, target=target, state=state, run_id=run_id, config=config).run()
    read = f"  {result.changes:,} rows differed from what was written last, {result.counts.read:,} were read from the target"
    lines = [result.says, read, *(f"  {rows:,} row(s): {reason}" for reason, rows in result.reasons)]
    if result.counts.written:
        lines.append(f"  take it back: python -m dagster_pipeline reverse-etl undo {flow.name} {result.load}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if result.dry_run or result.is_reconciled else 1


def _runs(flow: Flow, arguments: argparse.Namespace, settings: Settings) -> int:
    del arguments
    with open_warehouse(settings, run_id="reverse-etl runs") as sink:
        loads = kept_loads(sink, flow)
    for load in loads:
        sys.stdout.write(f"{load.load_id}  {load.at:%F %T}  {load.rows:>10,} rows  run {load.run_id}\n")
    if not loads:
        sys.stdout.write(f"{flow.state_name}: no images of any run are kept.\n")
    return 0


def _undo(flow: Flow, arguments: argparse.Namespace, settings: Settings) -> int:
    run_id = f"undo-{uuid.uuid4().hex[:12]}"
    with (
        closing(open_state(settings)) as state,
        open_target(settings, flow.file.target, comment=f"{flow.state_name} {run_id}") as target,
        open_warehouse(settings, run_id=run_id) as sink,
    ):
        result = Undo(flow, sink=sink, target=target, state=state, run_id=run_id).undo(arguments.of)
    sys.stdout.write(
        f"{flow.file.target.full_name}: {result.restored:,} rows are as before, {result.already:,} were already, "
        f"{result.changed_since:,} were changed since and left alone, {result.refused:,} the target did not take back.\n"
    )
    return 1 if result.changed_since or result.refused else 0


COMMAND = Command(
    "reverse-etl",
    "Write rows of the warehouse into an application's table, or take a run back.",
    add_arguments,
    run,
)
