"""`new-table`: writes the file of a table that exists at the source, each choice with its evidence as a comment.

Exit codes: 0 written (or printed); 1 an error, named on stderr: a file is there already, or what was written needs a
hand before it validates; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from dagster_pipeline.commands.command import Command
from dagster_pipeline.commands.terminal import telling, write_json
from dagster_pipeline.connections import open_surveyor
from dagster_pipeline.connectors.sources.base_surveyor import BaseSurveyor, Survey
from dagster_pipeline.errors import ConfigurationError, Problem, SchemaFilesError
from dagster_pipeline.proposal.propose import Proposal, propose, worth_asking
from dagster_pipeline.proposal.table_file import plain_name, table_file
from dagster_pipeline.schema.discovery import DIALECTS, shown_path
from dagster_pipeline.schema.models import Dialect
from dagster_pipeline.schema.personal_data import personal_data
from dagster_pipeline.schema_tree import load_tables, refused_columns
from dagster_pipeline.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `new-table`."""
    parser.add_argument("database", help="folder below schemas/, e.g. mysql/amtdb or postgres/fma")
    parser.add_argument("tables", nargs="+", help="table names, or patterns such as 'order_*' in quotes")
    parser.add_argument("--connection", help="connection (default: the database's name)")
    parser.add_argument("--schema", default="public", help="PostgreSQL schema (default: public)")
    parser.add_argument(
        "--json", action="store_true", help="write what was written, and its problems, as JSON"
    )
    parser.add_argument("--print", action="store_true", help="write to standard output and no file")
    parser.add_argument(
        "--force", action="store_true", help="write over files that are there; else they are left alone"
    )


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Survey and propose all, then write, then validate what was written: an error leaves no half of the files."""
    dialect, database = _folder(arguments.database)
    connection = arguments.connection or database
    files: dict[PurePosixPath, str] = {}
    with (
        telling("Surveying") as told,
        open_surveyor(
            settings, dialect, connection=connection, database=database, schema_name=arguments.schema
        ) as surveyor,
    ):
        for table in dict.fromkeys(_wanted(surveyor, arguments.tables, arguments.database)):
            told(table)
            file = PurePosixPath(dialect, database, _file_name(table))
            if file in files:
                raise ConfigurationError(
                    f"Two of these tables would be written to {file}.", todo="Name one of them alone."
                )
            files[file] = table_file(
                _proposal(surveyor, table),
                file=file,
                table=table,
                connection=connection,
                schema_name=arguments.schema,
            )
    if arguments.print:
        sys.stdout.write("---\n".join(files.values()))
        return 0
    paths = {settings.schemas_dir / file: text for file, text in files.items()}
    written = [path for path, text in paths.items() if _write(path, text, force=arguments.force)]
    left = [path for path in paths if path not in written]
    problems = _problems(written, settings)
    if arguments.json:
        shown = [list(map(shown_path, each)) for each in (written, left)]
        write_json({"written": shown[0], "left_alone": shown[1], "problems": list(map(asdict, problems))})
    else:
        sys.stdout.writelines(f"{shown_path(path)}\n" for path in written)
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return int(bool(problems or left))


def _folder(text: str) -> tuple[Dialect, str]:
    start, _, database = text.strip("/").partition("/")
    dialect = next((name for name in DIALECTS if name == start), None)
    if dialect is None or not database or "/" in database or database.startswith("."):
        raise ConfigurationError(
            f"{text!r} is no folder of tables.", todo="Write mysql/<database> or postgres/<database>."
        )
    return dialect, database


def _file_name(table: str) -> str:
    """Hidden files and `_defaults.yml` are no tables to the loader."""
    stem = plain_name(table)
    return f"{f'table_{stem}' if stem.startswith('.') or stem == '_defaults' else stem}.yml"


def _wanted(surveyor: BaseSurveyor, names: list[str], folder: str) -> Iterator[str]:
    """Names as given, patterns as they match. Raises `ConfigurationError` for a pattern that matches nothing."""
    known = surveyor.tables()
    for name in names:
        matching = [name] if name in known else [table for table in known if fnmatchcase(table, name)]
        if not matching and any(sign in name for sign in "*?["):
            raise ConfigurationError(
                f"No table of {folder} matches {name!r}.", todo=f"It has {len(known)} table(s)."
            )
        yield from matching or [name]


def _proposal(surveyor: BaseSurveyor, table: str) -> Proposal:
    survey: Survey = surveyor.survey(table)
    facts = {
        each.column.name: surveyor.cursor_facts(table, each.column.name, temporal=each.temporal)
        for each in worth_asking(survey)
    }
    return propose(survey, facts, refused_columns(surveyor.dialect, survey.table))


def _write(path: Path, text: str, *, force: bool) -> bool:
    if path.exists() and not force:
        sys.stderr.write(f"{shown_path(path)} is there already and was left alone; --force writes over it.\n")
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def _problems(written: list[Path], settings: Settings) -> list[Problem]:
    """What the loader says of the new files; old problems of other files are not ours to report."""
    if not written:
        return []
    try:
        load_tables(settings, judges=[personal_data(datetime.now(UTC).date())])
    except SchemaFilesError as error:
        names = {shown_path(path) for path in written}
        return [each for each in error.problems if each.path in names]
    return []


COMMAND = Command("new-table", "Write the file of a table that exists at the source.", add_arguments, run)
