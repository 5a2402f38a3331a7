"""Reads the files of a kind that is no table: `<schemas>/<kind>/<name>.yml`, each into a model of its own.

Snapshots, reverse ETL and the like have one model each, and rules of their own; how a file is found, read, merged with its
folder's `_defaults.yml` and judged key by key is the same for all, and the same as for tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from dagster_pipeline.errors import Problem
from dagster_pipeline.schema.defaults import NO_DEFAULTS, Defaults, placed, read_defaults
from dagster_pipeline.schema.discovery import discover_kind, shown_path
from dagster_pipeline.schema.document import Document
from dagster_pipeline.schema.field_types import Model
from dagster_pipeline.schema.files import read_file
from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.resolve import merge
from dagster_pipeline.schema.shape import check_shape

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class KindFile(Generic[M]):
    """One file that could be understood.

    Attributes:
        path: where it stands.
        name: the file's name without `.yml`.
        value: what it says, defaults merged in.
    """

    path: Path
    name: str
    value: M
    _document: Document
    _defaults: Defaults
    _touched: frozenset[str]

    def line(self, key: str) -> int:
        """The line of a key path, or of the nearest key around it; from 1."""
        return self._document.place(key).line

    def has(self, key: str) -> bool:
        """Whether the file itself writes the key path."""
        return key in self._document.places

    def problems(self, findings: Iterable[Finding]) -> Iterator[Problem]:
        """The findings with their places, but for keys that were reported when the file was read."""
        for finding in findings:
            if finding.key not in self._touched:
                yield placed(self._document, self._defaults, finding)


@dataclass(frozen=True, slots=True)
class KindFiles(Generic[M]):
    """What a kind's folder holds.

    Attributes:
        files: in order of their names. One that is also in `problems` was mended, and serves only to find more problems.
        problems: of all files.
    """

    files: tuple[KindFile[M], ...]
    problems: tuple[Problem, ...]


def read_kind(root: Path, kind: str, model: type[M], *, begin: str) -> KindFiles[M]:
    """Read all files of a kind; a folder that is not there holds none.

    Args:
        root: the folder of all kinds, `SCHEMAS_DIR`.
        kind: the folder's name.
        model: what a file must be.
        begin: how such a file begins, for one that is empty, e.g. "`version: 1` and `query:`".
    """
    paths, problems = discover_kind(root.absolute(), kind)
    if not paths:
        return KindFiles((), tuple(problems))
    defaults = read_defaults(root.absolute() / kind, NO_DEFAULTS, model, problems)
    files = []
    for path in paths:
        document = read_file(path, shown_path(path), begin=begin)
        problems.extend(document.problems)
        if not document.tree:
            continue
        shape = check_shape(model, merge(defaults.tree, document.tree), damaged=document.damaged)
        problems.extend(placed(document, defaults, each) for each in shape.findings)
        if shape.value is not None:
            files.append(KindFile(path, path.stem, shape.value, document, defaults, frozenset(shape.touched)))
    return KindFiles(tuple(files), tuple(problems))
