"""`docs`: a data dictionary, one Markdown page for each table, from the files alone.

Exit codes: 0 written; with `--check` the folder is as it must be; 1 an error, or with `--check` a page that is not; 2 wrong
usage.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from dagster_pipeline.change_plan.column_users import TreeOfFiles
from dagster_pipeline.commands.command import Command
from dagster_pipeline.commands.terminal import counted, write_json
from dagster_pipeline.dictionary.pages import MARK, Neighbours, index, page, page_path
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.discovery import shown_path
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `docs`."""
    parser.add_argument(
        "folder", type=Path, help="where the pages go; pages of tables that are gone are removed"
    )
    parser.add_argument("--schemas-dir", type=Path, help="folder of the table files")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 when a page would change"
    )
    parser.add_argument("--json", action="store_true", help="write what changed as JSON")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write what differs. Raises `PipelineError`."""
    if arguments.schemas_dir is not None:
        settings = replace(settings, schemas_dir=arguments.schemas_dir)
    folder: Path = arguments.folder
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{folder} is no folder.", todo="Name one, or one that does not exist yet.")
    wanted = _pages(settings)
    there = {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*.md"))}
    stale = [name for name, text in there.items() if name not in wanted and text.startswith(MARK)]
    new = [name for name, text in wanted.items() if there.get(name) != text]
    foreign = [name for name in new if name in there and not there[name].startswith(MARK)]
    if foreign:
        raise ConfigurationError(
            f"{folder / foreign[0]} was not written by this command.", todo="Move it, or name another folder."
        )
    if not arguments.check:
        _write(folder, {name: wanted[name] for name in new}, stale)
    if arguments.json:
        write_json({"pages": len(wanted), "written": new, "removed": stale, "applied": not arguments.check})
    else:
        verb = "would change" if arguments.check else "changed"
        sys.stdout.write(f"{len(wanted)} page(s) in {folder}; {len(new)} {verb}, {len(stale)} removed.\n")
    return int(arguments.check and bool(new or stale))


def _pages(settings: Settings) -> dict[str, str]:
    """Every page by its place below the folder."""
    schemas = load_tables(settings)
    files = TreeOfFiles(settings.schemas_dir)
    pages = {"index.md": index(schemas)}
    for schema in counted(schemas, "Writing"):
        near = Neighbours(
            shown_path(schema.path),
            files.naming(schema.destination.database, schema.destination.table, own=schema.path),
        )
        pages[page_path(schema)] = page(schema, near)
    return pages


def _write(folder: Path, pages: dict[str, str], stale: list[str]) -> None:
    for name, text in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name in stale:
        (folder / name).unlink()


COMMAND = Command(
    "docs", "Write a data dictionary: one page for each table, from the files.", add_arguments, run
)
