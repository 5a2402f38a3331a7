"""A tree of table files on disk, as small as a test needs it."""

import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from dagster_pipeline.errors import Problem, SchemaFilesError
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.schema.models import TableSchema


@dataclass
class SchemaTree:
    """Writes files below one root and loads it."""

    root: Path

    def write(self, relative: str, text: str | bytes) -> Path:
        path = self.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, str):
            text = textwrap.dedent(text).lstrip("\n").encode()
        path.write_bytes(text)
        return path

    def load(self, *judges: Callable[[TableSchema], Iterable[Problem]]) -> tuple[TableSchema, ...]:
        return SchemaLoader(self.root, judges=judges).load()

    def problems(self, *judges: Callable[[TableSchema], Iterable[Problem]]) -> tuple[Problem, ...]:
        with pytest.raises(SchemaFilesError) as caught:
            self.load(*judges)
        return caught.value.problems


@pytest.fixture
def tree(tmp_path: Path) -> SchemaTree:
    root = tmp_path / "schemas"
    root.mkdir()
    return SchemaTree(root)
