"""`doctor`: is everything that the pipeline stands on in order? Changes nothing.

Exit codes, for monitoring: 0 nothing fails (with --strict: nothing is worth a warning either); 1 something does; 2 wrong
usage. No server, however silent, makes it take longer than --timeout and the start of two Python processes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from dagster_pipeline.commands.command import Command
from dagster_pipeline.doctor.deadline import examine_all
from dagster_pipeline.doctor.diagnosis import Diagnosis, Level
from dagster_pipeline.doctor.examinations import examinations
from dagster_pipeline.doctor.instance import SUBJECT as DAGSTER
from dagster_pipeline.errors import SchemaFilesError
from dagster_pipeline.schema_tree import SchemaTree, load_tree
from dagster_pipeline.settings import Settings

SECONDS = 6.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `doctor`."""
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_argument("--strict", action="store_true", help="a warning counts as a failure")
    parser.add_argument("--problems", action="store_true", help="leave out what is in order")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=SECONDS,
        metavar="SECONDS",
        help="for all servers together (default: 6)",
    )
    parser.add_argument("--schemas-dir", type=Path, help="folder of the table files")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Examine and report."""
    if arguments.schemas_dir is not None:
        settings = replace(settings, schemas_dir=arguments.schemas_dir)
    tree, found = _tree(settings)
    found += examine_all(
        examinations(settings, tree, seconds=arguments.timeout),
        seconds=arguments.timeout,
        bounded={DAGSTER},
    )
    failing = {Level.FAIL, Level.WARN} if arguments.strict else {Level.FAIL}
    is_well = not any(one.level in failing for one in found)
    shown = [one for one in found if one.level is not Level.OK or not arguments.problems]
    sys.stdout.write(_as_json(shown, is_well=is_well) if arguments.json else _as_text(shown, found))
    return 0 if is_well else 1


def _tree(settings: Settings) -> tuple[SchemaTree, list[Diagnosis]]:
    """All files; broken ones are a finding, and what no file names is examined all the same."""
    try:
        tree = load_tree(settings)
    except SchemaFilesError as error:
        what = f"{len(error.problems)} problem(s), so no source was examined. The first: {error.problems[0]}"
        return SchemaTree(()), [Diagnosis("schemas", "files", Level.FAIL, what, "Run `make validate`.")]
    others = len(tree.deliveries) + len(tree.snapshots) + len(tree.reverse_etl) + len(tree.data_migration)
    what = f"{len(tree.tables)} table file(s) and {others + len(tree.data_quality)} of other kinds are valid."
    return tree, [Diagnosis("schemas", "files", Level.OK, what)]


def _as_text(shown: Sequence[Diagnosis], found: Sequence[Diagnosis]) -> str:
    counts = {level: sum(one.level is level for one in found) for level in Level}
    closing = f"{counts[Level.FAIL]} failing, {counts[Level.WARN]} warning(s), {counts[Level.OK]} in order."
    return "\n".join([*map(str, shown), closing]) + "\n"


def _as_json(shown: Sequence[Diagnosis], *, is_well: bool) -> str:
    return json.dumps({"ok": is_well, "findings": [asdict(one) for one in shown]}, indent=2) + "\n"


def _seconds(text: str) -> float:
    number = float(text)
    if not 2 <= number <= 600:  # noqa: PLR2004 -- said in the message
        raise argparse.ArgumentTypeError("must be between 2 and 600")
    return number


COMMAND = Command(
    "doctor", "Examine servers, rights, clocks, disks, versions and late tables.", add_arguments, run
)
