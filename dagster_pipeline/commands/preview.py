"""`preview`: what a run of one table would do, and some of its rows as they would arrive. Writes nothing.

Masks are applied. A value that `sync.out_of_range` changes stands beside what it was; under `fail` it says that it would stop
the run.

Exit codes: 0 shown; 1 an error, named on stderr, or a run would stop; 2 wrong usage.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.text import Text

from dagster_pipeline.commands.command import Command
from dagster_pipeline.commands.reconcile import chosen
from dagster_pipeline.commands.terminal import telling, write_json, write_lines, write_table
from dagster_pipeline.connections import open_source, open_state, open_warehouse
from dagster_pipeline.connectors.batch import EVERYTHING
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.finding import suggest
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from dagster_pipeline.sync.config import SyncConfig
from dagster_pipeline.sync.dry_run import DryRun, dry_run
from dagster_pipeline.sync.sample import Cell, Sample, take_sample

ROWS, MOST_ROWS = 100, 1_000
CELL_CHARACTERS = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `preview`."""
    parser.add_argument("table", help="<destination database>/<table>")
    parser.add_argument(
        "--rows",
        type=_rows,
        default=ROWS,
        metavar="N",
        help=f"so many rows, at most {MOST_ROWS:,} (default: {ROWS})",
    )
    parser.add_argument("--columns", metavar="A,B", help="only these columns (default: all)")
    parser.add_argument("--schemas-dir", type=Path, help="folder of the table files")
    parser.add_argument("--json", action="store_true", help="write JSON")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Plan a run, read a sample, show both. Raises `PipelineError`."""
    if arguments.schemas_dir is not None:
        settings = replace(settings, schemas_dir=arguments.schemas_dir)
    (schema,) = chosen(load_tables(settings), [arguments.table])
    with (
        telling("Asking the source"),
        closing(open_state(settings)) as state,
        open_source(settings, schema) as source,
        open_warehouse(settings, run_id="preview") as sink,
    ):
        dry = dry_run(schema, source=source, sink=sink, state=state, config=SyncConfig())
        window = dry.window if dry.rows_to_read else EVERYTHING
        sample = take_sample(schema, source=source, sink=sink, window=window, rows=arguments.rows)
    names = _chosen_columns(sample, arguments.columns)
    if arguments.json:
        write_json(_as_data(schema, dry, sample, names))
    else:
        _write_text(dry, sample, names)
    return int(sample.stops and bool(sample.coerced))


def _chosen_columns(sample: Sample, wanted: str | None) -> list[str]:
    names = list(sample.types) if wanted is None else [name.strip() for name in wanted.split(",")]
    for name in names:
        if name not in sample.types:
            todo = suggest(name, sample.types, otherwise=f"It has: {', '.join(sample.types)}.")
            raise ConfigurationError(f"No column {name!r} arrives in the warehouse.", todo=todo)
    return names


def _write_text(dry: DryRun, sample: Sample, names: list[str]) -> None:
    upto = f", then the cursor is {dry.advance_to}" if dry.advance_to else ""
    read = f"A run ({dry.kind}) would read {dry.rows_to_read:,} rows in {len(dry.chunks)} chunk(s){upto}"
    facts = [
        ("bold", f"{dry.table.full_name}: nothing was written."),
        ("", f"{read}; {dry.rows_in_destination:,} are there."),
        *(("yellow", f"DDL first: {' '.join(statement.split())}") for statement in dry.statements),
        *(("yellow", f"note: {note}") for note in dry.notes),
        ("", f"{len(sample.rows)} rows as they would arrive:"),
    ]
    write_lines(facts)
    places = [list(sample.types).index(name) for name in names]
    head = [f"{name} ({sample.masked[name]})" if name in sample.masked else name for name in names]
    types = [Text(_short(sample.types[name]), style="dim") for name in names]
    write_table(
        head, [types, *([_cell(row[place], stops=sample.stops) for place in places] for row in sample.rows)]
    )
    style, effect = ("bold red", "would stop the run") if sample.stops else ("yellow", "are changed")
    write_lines(
        (style, f"{name}: {count} of these rows {effect}: {sample.reasons[name]}.")
        for name, count in sample.coerced.items()
    )


def _cell(cell: Cell, *, stops: bool) -> Text:
    text = Text("NULL", style="dim") if cell.text is None else Text(_short(cell.text))
    if cell.was is None:
        return text
    became = "stops the run" if stops else f"becomes {text.plain}"
    return Text(f"{_short(cell.was)} {became}", style="bold red" if stops else "yellow")


def _short(text: str) -> str:
    """One line of printable letters: a value may hold what moves a terminal's cursor."""
    clean = "".join(letter if letter.isprintable() else "·" for letter in text[: CELL_CHARACTERS + 1])
    return clean if len(clean) <= CELL_CHARACTERS else f"{clean[: CELL_CHARACTERS - 1]}…"


def _as_data(schema: TableSchema, dry: DryRun, sample: Sample, names: list[str]) -> dict[str, Any]:
    places = {name: place for place, name in enumerate(sample.types)}
    return {
        "table": schema.name,
        "kind": str(dry.kind),
        "window": asdict(dry.window),
        "advance_to": dry.advance_to,
        "rows_to_read": dry.rows_to_read,
        "rows_in_destination": dry.rows_in_destination,
        "chunks": len(dry.chunks),
        "query": dry.query,
        "statements": dry.statements,
        "notes": dry.notes,
        "columns": [
            {"name": name, "type": sample.types[name], "mask": sample.masked.get(name)} for name in names
        ],
        "out_of_range": {
            name: {"rows": count, "reason": sample.reasons[name]} for name, count in sample.coerced.items()
        },
        "stops": sample.stops and bool(sample.coerced),
        "rows": [{name: row[places[name]].text for name in names} for row in sample.rows],
        "changed": [
            {"row": number, "column": name, "was": row[places[name]].was}
            for number, row in enumerate(sample.rows)
            for name in names
            if row[places[name]].was is not None
        ],
    }


def _rows(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_ROWS:
        raise argparse.ArgumentTypeError(f"must be between 1 and {MOST_ROWS:,}")
    return number


COMMAND = Command(
    "preview",
    "Show what a run of one table would do, with some of its rows as they would arrive.",
    add_arguments,
    run,
)
