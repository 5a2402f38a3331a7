"""Reads `schemas/data_quality/`, and holds each file against the table files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dagster_pipeline.errors import Problem
from dagster_pipeline.schema.kind_files import KindFile, read_kind
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema.quality_models import QualityFile
from dagster_pipeline.schema.rules_quality import QUALITY, judge_quality, warehouse_columns


def read_quality(
    root: Path, tables: Sequence[TableSchema] | None
) -> tuple[tuple[KindFile[QualityFile], ...], tuple[Problem, ...]]:
    """All files, and what is wrong with them; `tables` is `None` while the table files have problems of their own."""
    found = read_kind(root, QUALITY, QualityFile, begin="`version: 1` and `checks:`")
    problems = list(found.problems)
    if tables is not None and found.files:
        columns = warehouse_columns(tables)
        for file in found.files:
            problems += file.problems(judge_quality(file.name, file.value, columns))
    return found.files, tuple(problems)
