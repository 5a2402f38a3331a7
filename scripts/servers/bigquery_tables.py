"""Tables of the server that stands in for BigQuery (`scripts.servers.bigquery`): DuckDB keeps the rows, JSON the rest.

What is judged as BigQuery's pages say it: whether a Parquet file fits a table, whether a table can be copied onto another.
BIGNUMERIC is kept as text, since DuckDB's decimals end at 38 digits.
"""

from __future__ import annotations

import io
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp

Resource = dict[str, Any]
Name = tuple[str, str, str]
"""Project, dataset, table."""
_TYPES = {
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "BOOL": "BOOLEAN",
    "NUMERIC": "DECIMAL(38, 9)",
    "BIGNUMERIC": "VARCHAR",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP",
    "STRING": "VARCHAR",
    "BYTES": "BLOB",
}
_STANDARD_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
_ANSWERED = {"BIGINT": "INTEGER", "INTEGER": "INTEGER", "HUGEINT": "INTEGER"}
_WORDS = {math.inf: "Infinity", -math.inf: "-Infinity"}


class ApiError(Exception):
    """What the service refuses: HTTP status, its word for it, and a sentence."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Answer:
    """Of a query: `fields` are empty for DML, whose `changed` rows are counted instead."""

    fields: list[Resource]
    rows: list[Resource]
    changed: int = 0


@dataclass(frozen=True, slots=True)
class _Found:
    columns: list[tuple[str, str]]
    rows: list[tuple[Any, ...]]


class Tables:
    """All datasets. Threads may share it; one works at a time."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._engine = duckdb.connect(":memory:")
        self._datasets: dict[tuple[str, str], Resource] = {}
        self._tables: dict[Name, Resource] = {}

    def create_dataset(self, project: str, dataset: str, *, location: str) -> None:
        """A dataset, and with the first its project."""
        with self.lock:
            if project not in {known for known, _ in self._datasets}:
                self._run(f"ATTACH ':memory:' AS {_quoted(project)}")
            self._run(f"CREATE SCHEMA {_quoted(project)}.{_quoted(dataset)}")
            reference = {"projectId": project, "datasetId": dataset}
            self._datasets[project, dataset] = {"datasetReference": reference, "location": location}

    def dataset(self, project: str, dataset: str) -> Resource:
        """datasets.get."""
        if (project, dataset) not in self._datasets:
            raise ApiError(404, "notFound", f"Not found: Dataset {project}:{dataset}")
        return self._datasets[project, dataset]

    def get(self, name: Name) -> Resource:
        """tables.get."""
        with self.lock:
            found = self._tables.get(name)
            if found and float(found.get("expirationTime", "inf")) < time.time() * 1000:
                self.delete(name)
                found = None
            if found is None:
                raise ApiError(404, "notFound", f"Not found: Table {':'.join(name[:2])}.{name[2]}")
            ((rows,),) = self._run(f"SELECT count(*) FROM {_sql(name)}").rows
            return {**found, "numRows": str(rows), "numBytes": "0"}

    def create(self, resource: Resource) -> Resource:
        """tables.insert."""
        reference = resource["tableReference"]
        name = (reference["projectId"], reference["datasetId"], reference["tableId"])
        with self.lock:
            self.dataset(*name[:2])
            if name in self._tables:
                raise ApiError(409, "duplicate", f"Already Exists: Table {':'.join(name[:2])}.{name[2]}")
            columns = ", ".join(_column(field) for field in _fields(resource))
            self._run(f"CREATE TABLE {_sql(name)} ({columns})")
            self._tables[name] = {**resource, "type": "TABLE", "etag": "1"}
            return self.get(name)

    def change(self, name: Name, changes: Resource) -> Resource:
        """tables.patch."""
        with self.lock:
            self.get(name)
            self._tables[name].update({key: value for key, value in changes.items() if key != "schema"})
            return self.get(name)

    def delete(self, name: Name) -> Resource:
        """tables.delete."""
        with self.lock:
            if self._tables.pop(name, None) is None:
                raise ApiError(404, "notFound", f"Not found: Table {':'.join(name[:2])}.{name[2]}")
            self._run(f"DROP TABLE {_sql(name)}")
            return {}

    def load(self, name: Name, body: bytes, config: Resource) -> int:
        """A load job of one Parquet file into a table that is there; gives its rows."""
        if config.get("sourceFormat") != "PARQUET" or config.get("writeDisposition") != "WRITE_APPEND":
            raise ApiError(400, "invalid", "This stand-in only appends Parquet.")
        with self.lock:
            fields = _fields(self.get(name))
            file = pq.ParquetFile(io.BytesIO(body))
            lists = bool(config.get("parquetOptions", {}).get("enableListInference"))
            _judge_file(file.schema_arrow, fields, lists=lists)
            declared = {field["name"]: field for field in _fields(config)}
            for field in fields:
                other = declared.get(field["name"])
                if other and (_standard(other), _mode(other)) != (_standard(field), _mode(field)):
                    raise ApiError(400, "invalid", f"Field {field['name']} has changed type or mode")
            arrived = _for_duckdb(file.read())
            self._run(f"INSERT INTO {_sql(name)} BY NAME SELECT * FROM arrived", arrived=arrived)
            return int(arrived.num_rows)

    def copy(self, source: Name, onto: Name, disposition: str) -> int:
        """A copy job; gives the rows that were copied."""
        with self.lock:
            given = self.get(source)
            there = self._tables.get(onto)
            if there is None:
                kept = ("schema", "timePartitioning", "rangePartitioning", "clustering")
                reference = dict(zip(("projectId", "datasetId", "tableId"), onto, strict=True))
                made = {key: given[key] for key in kept if key in given}
                self.create({"tableReference": reference, **made})
            else:
                self._judge_copy(given, there, disposition)
            if disposition == "WRITE_TRUNCATE":
                self._run(f"CREATE OR REPLACE TABLE {_sql(onto)} AS FROM {_sql(source)}")
                self._tables[onto]["schema"] = given["schema"]
            else:
                self._run(f"INSERT INTO {_sql(onto)} BY NAME FROM {_sql(source)}")
            return int(given["numRows"])

    @staticmethod
    def _judge_copy(given: Resource, there: Resource, disposition: str) -> None:
        for key in ("timePartitioning", "rangePartitioning"):
            if _cut(given.get(key)) != _cut(there.get(key)):
                raise ApiError(400, "invalid", "Incompatible table partitioning specification")
        same = [(field["name"], _standard(field)) for field in _fields(given)] == [
            (field["name"], _standard(field)) for field in _fields(there)
        ]
        if disposition == "WRITE_APPEND" and not same:
            raise ApiError(400, "invalid", "Provided Schema does not match Table")

    def query(self, text: str) -> Answer:
        """A query job: one statement in GoogleSQL."""
        try:
            (statement,) = sqlglot.parse(text, read="bigquery")
            if statement is None:
                raise ApiError(400, "invalidQuery", "Syntax error: no statement")
            for table in statement.find_all(exp.Table):
                self.get((table.catalog, table.db, table.name))
            with self.lock:
                found = self._run(statement.sql("duckdb"))
        except (sqlglot.errors.SqlglotError, duckdb.Error) as error:
            raise ApiError(400, "invalidQuery", str(error)) from error
        if not isinstance(statement, exp.Query):
            return Answer([], [], changed=int(found.rows[0][0]))
        fields = [{"name": name, "type": _ANSWERED[kind], "mode": "NULLABLE"} for name, kind in found.columns]
        return Answer(fields, [_row(fields, row) for row in found.rows])

    def listed(self, name: Name) -> Resource:
        """tabledata.list, all of them."""
        with self.lock:
            fields = _fields(self.get(name))
            columns = ", ".join(_quoted(field["name"]) for field in fields)
            rows = [_row(fields, row) for row in self._run(f"SELECT {columns} FROM {_sql(name)}").rows]
            return {"totalRows": str(len(rows)), "rows": rows}

    def values(self, name: Name, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """Rows as Python's values, moments without a zone: faster than `listed` where there are many."""
        with self.lock:
            wide = {field["name"] for field in _fields(self.get(name)) if _standard(field) == "BIGNUMERIC"}
            found = self._run(f"SELECT {', '.join(map(_quoted, columns))} FROM {_sql(name)}").rows
        return [
            tuple(
                Decimal(value) if value and name in wide else value
                for name, value in zip(columns, row, strict=True)
            )
            for row in found
        ]

    def _run(self, statement: str, **given: pa.Table) -> _Found:
        with self._engine.cursor() as cursor:
            for name, table in given.items():
                cursor.register(name, table)
            cursor.execute(statement)
            columns = [(each[0], str(each[1])) for each in cursor.description or ()]
            return _Found(columns, cursor.fetchall())

    def names(self, project: str, dataset: str) -> list[str]:
        """Tables of a dataset."""
        with self.lock:
            return sorted(name[2] for name in self._tables if name[:2] == (project, dataset))


def _judge_file(schema: pa.Schema, fields: list[Resource], *, lists: bool) -> None:
    by_name = {field["name"]: field for field in fields}
    for column in schema:
        field = by_name.pop(column.name, None)
        if field is None:
            raise ApiError(400, "invalid", f"Provided Schema does not match Table: new field {column.name}")
        inner = column.type
        mode = "NULLABLE" if column.nullable else "REQUIRED"
        if pa.types.is_list(inner):
            if not lists:
                raise ApiError(400, "invalid", f"Field {column.name} has changed type to RECORD")
            inner, mode = inner.value_type, "REPEATED"
        if not _fits(inner, field):
            raise ApiError(400, "invalid", f"Field {column.name} has changed type to {inner}")
        if mode != _mode(field) and (mode == "REPEATED" or _mode(field) != "NULLABLE"):
            raise ApiError(400, "invalid", f"Field {column.name} has changed mode to {mode}")
    for field in by_name.values():
        if _mode(field) == "REQUIRED":
            raise ApiError(400, "invalid", f"Required field {field['name']} is missing")


def _fits(arrow: pa.DataType, field: Resource) -> bool:
    kind = _standard(field)
    if pa.types.is_decimal(arrow):
        before, after = {"NUMERIC": (29, 9), "BIGNUMERIC": (38, 38)}.get(kind, (-1, -1))
        if field.get("precision"):
            after = int(field.get("scale") or 0)
            before = int(field["precision"]) - after
        return bool(arrow.precision - arrow.scale <= before and arrow.scale <= after)
    wanted = {
        "INT64": pa.types.is_signed_integer(arrow),
        "FLOAT64": pa.types.is_floating(arrow),
        "BOOL": pa.types.is_boolean(arrow),
        "DATE": pa.types.is_date32(arrow),
        "TIMESTAMP": pa.types.is_timestamp(arrow) and arrow.tz == "UTC" and arrow.unit in ("ms", "us"),
        "STRING": pa.types.is_string(arrow),
        "BYTES": pa.types.is_binary(arrow),
    }
    return bool(wanted.get(kind))


def _for_duckdb(table: pa.Table) -> pa.Table:
    """Moments without a zone, which DuckDB needs no extension for, and wide decimals as text."""
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            plain = table.column(index).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
        elif pa.types.is_decimal256(field.type):
            plain = pa.chunked_array([table.column(index).cast(pa.string()).combine_chunks()])
        else:
            continue
        table = table.set_column(index, field.name, plain)
    return table


def _row(fields: list[Resource], row: tuple[Any, ...]) -> Resource:
    return {"f": [{"v": _value(field, value)} for field, value in zip(fields, row, strict=True)]}


def _value(field: Resource, value: Any) -> Any:
    if isinstance(value, list):
        return [{"v": _value(field, each)} for each in value]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return str(round(value.replace(tzinfo=UTC).timestamp() * 1_000_000))
    if isinstance(value, float):
        return _WORDS.get(value, "NaN" if math.isnan(value) else repr(value))
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _column(field: Resource) -> str:
    kind = _TYPES[_standard(field)]
    if _standard(field) == "NUMERIC" and field.get("precision"):
        kind = f"DECIMAL({field['precision']}, {field.get('scale') or 0})"
    ending = {"REPEATED": "[]", "REQUIRED": " NOT NULL"}.get(_mode(field), "")
    return f"{_quoted(field['name'])} {kind}{ending}"


def _fields(resource: Resource) -> list[Resource]:
    return list(resource.get("schema", {}).get("fields", ()))


def _standard(field: Resource) -> str:
    return _STANDARD_NAMES.get(field["type"], str(field["type"]))


def _mode(field: Resource) -> str:
    return str(field.get("mode") or "NULLABLE")


def _cut(partitioning: Resource | None) -> Resource:
    return {key: value for key, value in (partitioning or {}).items() if key != "expirationMs"}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _sql(name: Name) -> str:
    return ".".join(_quoted(part) for part in name)
