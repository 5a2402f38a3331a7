"""What only PostgreSQL's reader can meet: values that the server prints, types that change, errors in the middle of rows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.sources.base_source_connector import ReadRequest
from dagster_pipeline.errors import FatalError, RetriableError
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from tests.contract.sources.both_sources import Server, postgres


@pytest.fixture
def database(postgres_server: Any) -> Server:
    return postgres(postgres_server.create_database("copy_contract"))


def stream_of(database: Server, columns: dict[str, str], **options: Any) -> list[Batch]:
    with database.source(columns, **options) as source:
        request = ReadRequest(mappings=TypeMapper().map(source.schema))
        with source.stream(request) as batches:
            return list(batches)


def rows_of(batches: list[Batch]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (
        pa.ipc.open_stream(b"".join(each.payload for each in batches)).read_all().to_pylist()
    )
    return rows


PRINTED = {
    "inet": ("inet", "'10.0.0.1/32'", "10.0.0.1"),
    "network": ("cidr", "'10.0.0.0/8'", "10.0.0.0/8"),
    "letter": ('"char"', "'x'", "x"),
    "padded": ("character(4)", "'ab'", "ab  "),
    "document": ("xml", '\'<?xml version="1.0" encoding="LATIN1"?><a/>\'', "<a/>"),
    "escapes": ("text", r"E'tab\tback\\slash\nline'", "tab\tback\\slash\nline"),
    "tree": ("jsonb", """'{"b": 1, "a": null}'""", '{"a": null, "b": 1}'),
    "clock": ("time without time zone", "'24:00'", "24:00:00"),
    "mood": ("enum mood", "'sad'", "sad"),
    "pair": ("composite pair", "'(1,\"a b\")'", '(1,"a b")'),
    "nothing": ("composite pair", "'(,)'", "(,)"),
    "days": ("daterange", "'[2024-01-01,2024-02-01)'", "[2024-01-01,2024-02-01)"),
}


def test_what_has_no_binary_form_of_ours_is_printed_as_copy_prints_it(database: Server) -> None:
    database.run("CREATE TYPE mood AS ENUM ('sad')", "CREATE TYPE pair AS (a integer, b text)")
    made = ", ".join(
        f"{name} {kind.removeprefix('enum ').removeprefix('composite ')}"
        for name, (kind, _, _) in PRINTED.items()
    )
    given = ", ".join(value for _, value, _ in PRINTED.values())
    nulls = ", ".join("NULL" for _ in PRINTED)
    database.run(f"CREATE TABLE t (id integer, {made})", f"INSERT INTO t VALUES (1, {given}), (2, {nulls})")
    found = stream_of(
        database, {"id": "integer", **{name: f"{kind} null" for name, (kind, _, _) in PRINTED.items()}}
    )
    assert rows_of(found) == [
        {"id": 1, **{name: text for name, (_, _, text) in PRINTED.items()}},
        {"id": 2, **dict.fromkeys(PRINTED)},
    ]


def test_a_column_that_got_another_type_meanwhile_is_worth_a_retry(database: Server) -> None:
    database.run("CREATE TABLE t (id integer, v bigint)", "INSERT INTO t VALUES (1, 5000000000)")
    with pytest.raises(RetriableError, match="column 'v' got another type"):
        stream_of(database, {"id": "integer", "v": "integer"})


def test_an_error_in_the_middle_of_the_rows_keeps_its_code(database: Server) -> None:
    database.run("CREATE TABLE t (id integer)", "INSERT INTO t SELECT generate_series(1, 100000)")
    with pytest.raises(FatalError, match="division by zero") as raised:
        stream_of(database, {"id": "integer"}, where="1 / (id - 90000) < 2")
    assert raised.value.code == "22012"
    assert "ERROR" not in str(raised.value)


def test_a_wide_table_is_read_in_batches_of_fewer_rows(database: Server) -> None:
    names = [f"n{number}" for number in range(300)]
    listed = ", ".join(f"{name} bigint" for name in names)
    database.run(f"CREATE TABLE t (id integer, {listed})")
    database.run(f"INSERT INTO t SELECT i, {', '.join('i' for _ in names)} FROM generate_series(1, 5000) i")
    found = stream_of(database, {"id": "integer", **dict.fromkeys(names, "bigint null")})
    assert sum(batch.rows for batch in found) == 5000
    assert max(len(batch.payload) for batch in found) < 6 << 20
