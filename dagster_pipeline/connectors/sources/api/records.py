"""JSON records as Arrow columns: each value by its path, in its declared type, or an error that names the column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import jmespath
import pyarrow as pa

from dagster_pipeline.connectors.sources.arrow_columns import ArrowColumn, conformed
from dagster_pipeline.errors import DataQualityError


class RecordReader:
    """Turns pages of records into record batches of the declared columns."""

    def __init__(self, columns: Sequence[ArrowColumn], *, where: str) -> None:
        self._columns = columns
        self._where = where
        self._paths = [jmespath.compile(column.arrives_as) for column in columns]
        self._never_seen = {column.name for column in columns}

    @property
    def never_seen(self) -> list[str]:
        """Columns that no record had a value for: perhaps a path with a slip in it."""
        return sorted(self._never_seen)

    def batch(self, records: Sequence[Any]) -> pa.RecordBatch:
        """One page. Raises `DataQualityError` that names the column, and never a value."""
        arrays = []
        for column, path in zip(self._columns, self._paths, strict=True):
            values = [path.search(record) for record in records]
            if any(value is not None for value in values):
                self._never_seen.discard(column.name)
            arrays.append(self._array(column, values))
        names = [column.arrives_as for column in self._columns]
        return conformed(pa.RecordBatch.from_arrays(arrays, names=names), self._columns, where=self._where)

    def _array(self, column: ArrowColumn, values: list[Any]) -> pa.Array:
        kind = pa.string() if column.is_temporal else column.type
        try:
            return pa.array([_plain(value, kind) for value in values], kind)
        except (pa.ArrowException, TypeError, ValueError, OverflowError, InvalidOperation):
            raise DataQualityError(
                f"{self._where}: a value at {column.arrives_as!r} is no {column.stored_type}.",
                todo="Correct columns in the YAML file; nothing was taken.",
            ) from None


def _plain(value: Any, kind: pa.DataType) -> Any:
    """A JSON value as pyarrow takes it for a type; `TypeError` for what would have to be guessed."""
    is_a = pa.types
    if value is None:
        return None
    if is_a.is_string(kind) and isinstance(value, dict | list):  # an object in a text column is kept as JSON
        return json.dumps(value, default=str, ensure_ascii=False)
    if is_a.is_list(kind):
        return [_plain(item, kind.value_type) for item in _of(value, list)]
    if is_a.is_decimal(kind):
        return Decimal(_of(value, (int, str, Decimal)))
    if is_a.is_floating(kind):
        return float(_of(value, (int, Decimal)))
    kinds = ((is_a.is_string, str), (is_a.is_boolean, bool), (is_a.is_integer, int))
    return _of(value, next(python for is_it, python in kinds if is_it(kind)))


def _of(value: Any, kinds: type | tuple[type, ...]) -> Any:
    """The value, when it is of these kinds; true and false are no numbers."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
        raise TypeError
    return value
