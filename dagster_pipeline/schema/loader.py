"""Reads the tree of table files: every file into a `TableSchema`, or every problem of every file in one error.

Each step stands in its own module: `discovery` finds the files, `files` and `document` read them, `shape` judges the
keys, `resolve` fills in defaults, `rules` judges what the keys say together. Connections do not belong here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dagster_pipeline.errors import Problem, SchemaFilesError
from dagster_pipeline.schema.discovery import DEFAULTS_NAME, discover, shown_path
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
class _Defaults:
    """What the folders above a table file say: merged values, and the files they come from, nearest first."""

    tree: dict[str, Any]
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """One table file that could be understood, with what is needed to place findings about it."""

    table: TableSchema
    document: Document
    defaults: _Defaults
    touched: frozenset[str]

    def problems(self, findings: Iterable[Finding]) -> Iterator[Problem]:
        """The findings with their places, but for keys that were reported already."""
        return (
            _placed(self.document, self.defaults, each) for each in findings if each.key not in self.touched
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
        self._defaults: dict[Path, _Defaults] = {}

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
        self._problems.extend(_placed(document, defaults, each) for each in shape.findings)
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

    def _defaults_for(self, folder: Path) -> _Defaults:
        if folder not in self._defaults:
            above = self._defaults_for(folder.parent) if folder != self._root else _Defaults({}, ())
            self._defaults[folder] = self._read_defaults(folder / DEFAULTS_NAME, above)
        return self._defaults[folder]

    def _read_defaults(self, path: Path, above: _Defaults) -> _Defaults:
        """A folder's own defaults over those above it; what is wrong in them is reported here, once."""
        if not path.exists() and not path.is_symlink():
            return above
        document = read_file(path, shown_path(path))
        shape = check_shape(DefaultsFile, document.tree, damaged=document.damaged, partial=True)
        self._problems.extend(document.problems)
        self._problems.extend(map(document.problem, shape.findings))
        # A table file states the version of its own format, so that it is understood on its own.
        tree = {key: value for key, value in shape.tree.items() if key != "version"}
        return _Defaults(merge(above.tree, tree), (document, *above.documents))


def _placed(document: Document, defaults: _Defaults, finding: Finding) -> Problem:
    """A finding in the table's file; when its key stands in a defaults file, the sentence says where."""
    if finding.key not in document.places:
        for above in defaults.documents:
            if finding.key in above.places:
                origin = f"(set in {above.path}:{above.places[finding.key].line})"
                return document.problem(replace(finding, what=f"{finding.what} {origin}"))
    return document.problem(finding)
