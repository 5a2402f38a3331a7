"""`new-table`: writes the file of a table that exists at the source, each choice with its evidence as a comment.

Exit codes: 0 written (or printed); 1 an error, named on stderr: a file is there already, or what was written needs a
hand before it validates; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from dagster_pipeline.commands.command import Command
from dagster_pipeline.connectors.sources.base_surveyor import BaseSurveyor, Survey
from dagster_pipeline.connectors.sources.mysql.surveyor import MySQLSurveyor
from dagster_pipeline.connectors.sources.postgres.surveyor import PostgresSurveyor
from dagster_pipeline.errors import ConfigurationError, SchemaFilesError
from dagster_pipeline.proposal.propose import Proposal, propose, worth_asking
from dagster_pipeline.proposal.table_file import table_file
from dagster_pipeline.schema_tree import load_tables, refused_columns
from dagster_pipeline.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `new-table`."""
    parser.add_argument("database", help="folder below schemas/, e.g. mysql/amtdb or postgres/fma")
    parser.add_argument("tables", nargs="+", help="table names, or patterns such as 'order_*' in quotes")
    parser.add_argument("--connection", help="connection (default: the database's name)")
    parser.add_argument("--schema", default="public", help="PostgreSQL schema (default: public)")
    parser.add_argument("--print", action="store_true", help="write to standard output and no file")
    parser.add_argument(
        "--force", action="store_true", help="write over files that are there; else they are left alone"
    )


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Survey, propose, write, and validate what was written."""
    dialect, _, database = arguments.database.strip("/").partition("/")
    if dialect not in ("mysql", "postgres") or not database or "/" in database:
        raise ConfigurationError(
            f"{arguments.database!r} is no folder of tables.",
            todo="Write mysql/<database> or postgres/<database>.",
        )
    written: list[Path] = []
    with _surveyor(arguments, settings, dialect, database) as surveyor:
        for table in _wanted(surveyor, arguments.tables, arguments.database):
            file = PurePosixPath(dialect, database, f"{table}.yml")
            text = table_file(
                _proposal(surveyor, table), file=file, table=table, schema_name=arguments.schema
            )
            if arguments.print:
                sys.stdout.write(text)
            elif _write(settings.schemas_dir / file, text, force=arguments.force):
                written.append(settings.schemas_dir / file)
    return _judged(written, settings)


def _surveyor(arguments: argparse.Namespace, settings: Settings, dialect: str, database: str) -> BaseSurveyor:
    connection = arguments.connection or database
    if dialect == "mysql":
        url = settings.source_url("mysql", connection=connection, database=database)
        return MySQLSurveyor(url, database=database)
    url = settings.source_url("postgres", connection=connection, database=database)
    return PostgresSurveyor(url, database=database, schema=arguments.schema)


def _wanted(surveyor: BaseSurveyor, names: list[str], folder: str) -> Iterator[str]:
    """Names as given, patterns as they match. Raises `ConfigurationError` for a pattern that matches nothing."""
    known = surveyor.tables()
    for name in names:
        matching = [table for table in known if fnmatchcase(table, name)]
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
        sys.stderr.write(f"{path} is there already and was left alone; --force writes over it.\n")
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    sys.stdout.write(f"{path}\n")
    return True


def _judged(written: list[Path], settings: Settings) -> int:
    """What the loader says of the new files; old problems of other files are not ours to report."""
    if not written:
        return 0
    try:
        load_tables(settings)
    except SchemaFilesError as error:
        names = {path.name for path in written}
        problems = [each for each in error.problems if Path(each.path).name in names]
        sys.stderr.writelines(f"{problem}\n" for problem in problems)
        return 1 if problems else 0
    return 0


COMMAND = Command("new-table", "Write the file of a table that exists at the source.", add_arguments, run)
