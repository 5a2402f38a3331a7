"""Reads the tree of table files: every file into a `TableSchema`, or every problem of every file in one error.

Each step stands in its own module: `discovery` finds the files, `files` and `document` read them, `shape` judges the
keys, `resolve` fills in defaults, `rules` judges what the keys say together. Connections do not belong here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dagster_pipeline.errors import Problem, SchemaFilesError
from dagster_pipeline.schema.defaults import NO_DEFAULTS, Defaults, placed, read_defaults
from dagster_pipeline.schema.discovery import discover, shown_path
from dagster_pipeline.schema.document import Document
from dagster_pipeline.schema.file_models import DefaultsFile, TableFile
from dagster_pipeline.schema.files import read_file
from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema.resolve import TableLocation, merge, resolve
from dagster_pipeline.schema.rules import judge
from dagster_pipeline.schema.rules_checks import relationships
from dagster_pipeline.schema.rules_tree import clashes
from dagster_pipeline.schema.shape import check_shape

Judge = Callable[[TableSchema], Iterable[Problem]]


@dataclass(frozen=True, slots=True)
class _Read:
    """One table file that could be understood, with what is needed to place findings about it."""

    table: TableSchema
    document: Document
    defaults: Defaults
    touched: frozenset[str]

    def problems(self, findings: Iterable[Finding]) -> Iterator[Problem]:
        """The findings with their places, but for keys that were reported already."""
        return (
            placed(self.document, self.defaults, each) for each in findings if each.key not in self.touched
        )


class SchemaLoader:
    """Loads one tree of table files.

    Args:
        root: the folder that holds `mysql/` and `postgres/`.
        judges: further rules for a table, e.g. the type mapper's; each gives the problems that it sees.
    """

    def __init__(self, root: Path, *, judges: Sequence[Judge] = ()) -> None:
        self._root = root.absolute()
        self._judges = tuple(judges)
        self._problems: list[Problem] = []
        self._defaults: dict[Path, Defaults] = {}

    def load(self) -> tuple[TableSchema, ...]:
        """Every table, disabled ones too, by name. Raises `SchemaFilesError` with every problem of every file."""
        found = discover(self._root)
        self._problems, self._defaults = list(found.problems), {}
        read = [file for location in found.locations if (file := self._read(location)) is not None]
        read.sort(key=lambda file: (file.table.name, file.table.path))
        self._compare(read)
        if self._problems:
            raise SchemaFilesError(self._problems)
        return tuple(file.table for file in read)

    def _read(self, location: TableLocation) -> _Read | None:
        defaults = self._defaults_for(location.path.parent)
        document = read_file(location.path, shown_path(location.path))
        self._problems.extend(document.problems)
        if not document.tree:
            return None
        shape = check_shape(TableFile, merge(defaults.tree, document.tree), damaged=document.damaged)
        self._problems.extend(placed(document, defaults, each) for each in shape.findings)
        if shape.value is None:
            return None
        lines = {key: place.line for key, place in document.places.items()}
        file = _Read(resolve(shape.value, location, lines), document, defaults, frozenset(shape.touched))
        self._problems.extend(file.problems(judge(file.table)))
        self._problems.extend(self._judged(file))
        return file

    def _judged(self, file: _Read) -> Iterator[Problem]:
        """What the judges say, but for columns that were reported already."""
        noise = {file.document.place(key).line for key in file.touched if key.startswith("columns")}
        for judge_table in self._judges:
            for problem in judge_table(file.table):
                if problem.line not in noise:
                    yield replace(problem, path=file.document.path)

    def _compare(self, read: Sequence[_Read]) -> None:
        """Rules between files."""
        by_path = {file.table.path: file for file in read}
        shown = {file.table.path: file.document.path for file in read}
        tables = [file.table for file in read]
        for table, finding in (*clashes(tables, shown), *relationships(tables)):
            self._problems.extend(by_path[table.path].problems([finding]))

    def _defaults_for(self, folder: Path) -> Defaults:
        if folder not in self._defaults:
            above = self._defaults_for(folder.parent) if folder != self._root else NO_DEFAULTS
            self._defaults[folder] = read_defaults(folder, above, DefaultsFile, self._problems)
        return self._defaults[folder]
