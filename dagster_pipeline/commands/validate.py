"""`validate`: are all table files and `alerts.yml` right? Needs no server, no secret and no Dagster."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from dagster_pipeline.alerts.rules_file import load_rules
from dagster_pipeline.alerts.watched_kinds import watch_deliveries, watch_snapshots, watch_writing
from dagster_pipeline.alerts.watched_table import WatchedTable, watch_all
from dagster_pipeline.commands.command import Command
from dagster_pipeline.errors import Problem, SchemaFilesError
from dagster_pipeline.schema.personal_data import personal_data
from dagster_pipeline.schema_tree import SchemaTree, load_tree
from dagster_pipeline.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `validate`."""
    parser.add_argument(
        "--schemas-dir", type=Path, help="folder of the table files (default: SCHEMAS_DIR, or schemas/)"
    )
    parser.add_argument("--format", choices=sorted(_REPORTS), default="text", help="how problems are written")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Load everything and report; 0 when all is right, else 1."""
    if arguments.schemas_dir is not None:
        settings = replace(settings, schemas_dir=arguments.schemas_dir)
    tree, problems = None, list[Problem]()
    try:
        tree = load_tree(settings, judges=[personal_data(datetime.now(UTC).date())])
    except SchemaFilesError as error:
        problems += error.problems
    try:
        load_rules(
            settings.alerts_file,
            None if tree is None else [*watch_all(tree.tables), *_watched_besides(tree)],
        )
    except SchemaFilesError as error:
        problems += error.problems
    sys.stdout.write(_REPORTS[arguments.format](len(tree.tables) if tree else 0, problems) + "\n")
    return 1 if problems else 0


def _watched_besides(tree: SchemaTree) -> list[WatchedTable]:
    """What alerts see of the files that are no tables."""
    return [*watch_snapshots(tree.snapshots), *watch_deliveries(tree.deliveries), *watch_writing(tree)]


def _text(tables: int, problems: Sequence[Problem]) -> str:
    if not problems:
        return f"{tables} table file(s) are valid."
    files = len({problem.path for problem in problems})
    return "\n".join([*map(str, problems), f"{len(problems)} problem(s) in {files} file(s)."])


def _json(tables: int, problems: Sequence[Problem]) -> str:
    return json.dumps({"tables": tables, "problems": [asdict(problem) for problem in problems]}, indent=2)


def _github(tables: int, problems: Sequence[Problem]) -> str:
    """Annotations of a pull request (docs.github.com, 'Workflow commands', 'Setting an error message')."""
    lines = [
        f"::error file={_property(problem.path)},line={max(problem.line, 1)},col={max(problem.column, 1)}"
        f"::{_data(f'{problem.what} {problem.todo}'.strip())}"
        for problem in problems
    ]
    return "\n".join(lines) if lines else _text(tables, problems)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


_REPORTS: dict[str, Callable[[int, Sequence[Problem]], str]] = {
    "text": _text,
    "json": _json,
    "github": _github,
}

COMMAND = Command("validate", "Check every table file and list every problem.", add_arguments, run)
