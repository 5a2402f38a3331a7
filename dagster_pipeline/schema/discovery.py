"""Which table files there are, judged by their paths alone; none is passed over silently."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from dagster_pipeline.errors import Problem
from dagster_pipeline.schema.finding import closest
from dagster_pipeline.schema.models import Dialect
from dagster_pipeline.schema.resolve import TableLocation

DEFAULTS_NAME = "_defaults.yml"
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)

_OTHER_KINDS = frozenset(
    {
        "templates",
        "snapshots",
        "reverse_etl",
        "exports",
        "apis",
        "clickhouse",
        "s3",
        "data_quality",
        "data_migration",
    }
)
_OTHER_NAMES: dict[str, Dialect] = {"mariadb": "mysql", "postgresql": "postgres", "pg": "postgres"}
_LONGEST_NAME = 128


@dataclass(slots=True)
class Discovered:
    """What a tree holds.

    Attributes:
        locations: its table files, in order of their paths.
        problems: files and folders that are not where or what they must be.
    """

    locations: list[TableLocation] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def shown_path(path: Path) -> str:
    """A path for people: relative to the working directory or the project when it lies below it."""
    project = Path(__file__).parents[2]
    text = str(path)
    for base in (str(Path.cwd()), str(project)):
        if base != os.sep and text.startswith(base + os.sep):
            text = text[len(base) + 1 :]
            break
    return text.encode(errors="backslashreplace").decode()


def discover(root: Path) -> Discovered:
    """Walk `<root>/<dialect>/<database>/<table>.yml`. Never raises for what it finds."""
    found = Discovered()
    for path, is_folder in _entries(root, found):
        if not is_folder:
            _refuse_stray(path, found)
        elif path.name in DIALECTS:
            _walk_dialect(path, next(name for name in DIALECTS if name == path.name), found)
        elif path.name not in _OTHER_KINDS:
            _refuse_unknown_folder(path, found)
    return found


def has_kind(root: Path, kind: str) -> bool:
    """Whether the folder of a kind is there and holds something: a kind without files need not be known at all."""
    try:
        with os.scandir(root / kind) as entries:
            return any(entries)
    except OSError:
        return (root / kind).is_dir()


def discover_kind(root: Path, kind: str) -> tuple[list[Path], list[Problem]]:
    """The files `<root>/<kind>/<name>.yml` in order, and what else lies there. No folder: no file."""
    folder, found, files = root / kind, Discovered(), list[Path]()
    if not folder.is_dir():
        return files, found.problems
    for path, is_folder in _entries(folder, found):
        if is_folder:
            what = f"This folder is not read; files stand directly in {kind}/."
            found.problems.append(Problem(shown_path(path), 0, 0, what, f"Move its files to {kind}/."))
        elif _is_yaml(path):
            files.append(path)
    return files, found.problems


def _walk_dialect(folder: Path, dialect: Dialect, found: Discovered) -> None:
    for path, is_folder in _entries(folder, found):
        if not is_folder:
            _refuse_stray(path, found)
            continue
        for file, is_deeper in _entries(path, found):
            if is_deeper:
                what = "This folder is too deep; table files stand directly in the database's folder."
                found.problems.append(
                    Problem(shown_path(file), 0, 0, what, f"Move its files to {shown_path(path)}.")
                )
            elif _is_yaml(file) and _has_usable_names(file, found):
                found.locations.append(TableLocation(file, dialect, database=path.name, table=file.stem))


def _entries(folder: Path, found: Discovered) -> Iterator[tuple[Path, bool]]:
    """Visible entries of a folder in order, each with whether it is a folder; `.yaml` files are refused here."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 -- names only: Path.iterdir builds a path for each
    except OSError as error:
        todo = "Set SCHEMAS_DIR to the folder of the table files." if not found.locations else ""
        found.problems.append(
            Problem(shown_path(folder), 0, 0, f"The folder cannot be read: {error.strerror}.", todo)
        )
        return
    for name in names:
        path = folder / name
        if name.startswith("."):
            continue
        is_folder = path.is_dir()
        if not is_folder and path.suffix.lower() in {".yaml", ".yml"} and path.suffix != ".yml":
            what = "YAML files end in .yml; this one is not read."
            found.problems.append(Problem(shown_path(path), 0, 0, what, f"Rename it to {path.stem}.yml."))
        else:
            yield path, is_folder


def _is_yaml(path: Path) -> bool:
    return path.suffix == ".yml" and path.name != DEFAULTS_NAME


def _refuse_stray(path: Path, found: Discovered) -> None:
    if _is_yaml(path):
        what = "A table file stands in mysql/<database>/ or postgres/<database>/; this one is not read."
        found.problems.append(Problem(shown_path(path), 0, 0, what, "Move it there."))


def _refuse_unknown_folder(folder: Path, found: Discovered) -> None:
    meant = _OTHER_NAMES.get(folder.name.lower()) or closest(folder.name, DIALECTS)
    holds_yaml = any(
        name.lower().endswith((".yml", ".yaml")) for _, _, files in os.walk(folder) for name in files
    )
    if meant or holds_yaml:
        todo = f"Did you mean '{meant}'?" if meant else f"Folders of tables are {' and '.join(DIALECTS)}."
        found.problems.append(Problem(shown_path(folder), 0, 0, "This folder is not read.", todo))


def _has_usable_names(path: Path, found: Discovered) -> bool:
    names = (path.parent.name, path.stem)
    if all(len(name) <= _LONGEST_NAME and name.isprintable() for name in names):
        return True
    what = f"The folder and the file name the source table; at most {_LONGEST_NAME} printable characters are allowed."
    found.problems.append(
        Problem(shown_path(path), 0, 0, what, "Shorten the name, and give the real one as source.table.")
    )
    return False
