"""Destinations that cannot take an export, and rows that they refuse: a clear error, and everything stays as it was."""

from __future__ import annotations

import pyarrow as pa
import pytest

from dagster_pipeline.connectors.sink.base_export_sink import BaseExportSink, ExportColumn, ExportMode
from dagster_pipeline.errors import ConfigurationError, DataQualityError, PipelineError, RetriableError
from dagster_pipeline.type_mapper.clickhouse_type import parse_clickhouse_type
from tests.integration.exports.table_rig import TableRig, batch, export, open_sink

LIMITED = {
    "without the key's unique index": (
        "CREATE TABLE t (id bigint, name text)", "no unique index on exactly \\(id\\)",
    ),
    "narrower": ("CREATE TABLE t (id smallint PRIMARY KEY, name text)", r"'id': UInt32 does not fit into smallint"),
    "with a column that is needed": (
        "CREATE TABLE t (id bigint PRIMARY KEY, name text, kind int NOT NULL)", "'kind' is NOT NULL without a default",
    ),
    "without a column": ("CREATE TABLE t (id bigint PRIMARY KEY)", "'name' is no column of it"),
    "of a view": ("CREATE VIEW t AS SELECT 1 AS id, 'x' AS name", "is no table|no unique index"),
}  # fmt: skip


@pytest.mark.parametrize("case", LIMITED)
def test_a_table_that_cannot_take_the_export_is_refused_before_a_row_is_read(
    rig: TableRig, case: str
) -> None:
    statement, said = LIMITED[case]
    rig.run(statement)
    with pytest.raises(ConfigurationError, match=said):
        rig.sink().check(export(ExportMode.MERGE, key=["id"]))


@pytest.mark.parametrize("declared", ["DateTime64(9, 'UTC')", "Decimal(70, 2)"])
def test_a_type_that_nothing_there_holds_is_refused(rig: TableRig, declared: str) -> None:
    if rig.dialect == "postgres" and declared.startswith("Decimal"):
        pytest.skip("PostgreSQL holds it")
    with pytest.raises(ConfigurationError, match=r"'x': .* cannot be stored"):
        rig.sink().check(export(columns=(ExportColumn("x", parse_clickhouse_type(declared)),)))


ROWS = {
    "a NULL for a NOT NULL column": ("name varchar(20) NOT NULL", [(2, None)], "(?i)null"),
    "a text that is too long": ("name varchar(3)", [(2, "four")], "'name' are longer than 3 characters"),
    "a key twice": ("name text", [(2, "a"), (2, "b")], r"1 key\(s\) \(id\) stand|duplicate|Duplicate"),
    "a word that an enum does not have": ("name {enum}", [(2, "secret")], "enum|truncated"),
    "a check that fails": (
        "name varchar(20) CHECK (name <> 'secret')",
        [(2, "secret")],
        "(?i)check|CONSTRAINT",
    ),
}


@pytest.mark.parametrize("case", ROWS)
@pytest.mark.parametrize("loads", [True, False], ids=["stream", "insert"])
def test_rows_that_the_table_refuses_are_an_error_and_nothing_is_visible(
    rig: TableRig, monkeypatch: pytest.MonkeyPatch, case: str, loads: bool
) -> None:
    if not loads:
        if rig.dialect == "postgres":
            pytest.skip("COPY is always allowed")
        monkeypatch.setattr(
            "dagster_pipeline.connectors.sink.mysql.connector.allows_load_data", lambda _: False
        )
    column, rows, said = ROWS[case]
    if "{enum}" in column and rig.dialect == "postgres":
        rig.run("CREATE TYPE mood AS ENUM ('old')")
    column = column.replace("{enum}", "mood" if rig.dialect == "postgres" else "enum('old')")
    rig.run(f"CREATE TABLE t (id bigint PRIMARY KEY, {column})", "INSERT INTO t VALUES (1, 'old')")
    wanted = export(key=["id"])
    with pytest.raises(DataQualityError, match=said) as error:
        rig.deliver(wanted, batch(*rows))
    assert "secret" not in str(error.value).replace("<> 'secret'", "")
    assert rig.rows() == [(1, "old")]
    rig.sink().discard(wanted)
    assert rig.tables() == {"t"}


def test_a_row_that_refers_to_nothing_is_refused_and_nothing_is_visible(rig: TableRig) -> None:
    rig.run("CREATE TABLE parent (id bigint PRIMARY KEY)", "INSERT INTO parent VALUES (1)")
    rig.run("CREATE TABLE t (id bigint PRIMARY KEY, name text, FOREIGN KEY (id) REFERENCES parent (id))")
    rig.run("INSERT INTO t VALUES (1, 'old')")
    wanted, sink = export(key=["id"]), rig.sink()
    sink.stage(wanted, [batch((1, "new"), (2, "orphan"))])
    with pytest.raises(DataQualityError, match=r"(?i)foreign key"):
        sink.publish(wanted)
    assert rig.rows() == [(1, "old")]
    rig.run("INSERT INTO parent VALUES (2)")
    sink.publish(wanted)
    assert rig.rows() == [(1, "new"), (2, "orphan")]


def test_a_row_that_others_still_refer_to_is_not_taken_away(rig: TableRig) -> None:
    rig.run("CREATE TABLE t (id bigint PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    rig.run(
        "CREATE TABLE child (t_id bigint, FOREIGN KEY (t_id) REFERENCES t (id))",
        "INSERT INTO child VALUES (1)",
    )
    wanted, sink = export(key=["id"]), rig.sink()
    sink.stage(wanted, [batch((2, "new"))])
    with pytest.raises(DataQualityError, match=r"(?i)foreign key"):
        sink.publish(wanted)
    assert rig.rows() == [(1, "a"), (2, "b")]


def test_a_nul_character_is_counted_by_column(postgres_rig: TableRig) -> None:
    with pytest.raises(DataQualityError, match="2 or more values of 'name' hold a NUL character"):
        postgres_rig.deliver(export(), batch((1, "a\0"), (2, "b"), (3, "\0")))
    assert postgres_rig.tables() == set()


def test_a_number_that_is_not_finite_is_counted_by_column(mysql_rig: TableRig) -> None:
    columns = (ExportColumn("x", parse_clickhouse_type("Float64")),)
    rows = pa.RecordBatch.from_pydict({"x": [1.5, float("nan"), float("-inf")]})
    with pytest.raises(DataQualityError, match="2 or more values of 'x' are not finite numbers"):
        mysql_rig.deliver(export(columns=columns), rows)


def _deliver(sink: BaseExportSink) -> None:
    sink.check(export())
    sink.stage(export(), [batch((2, "new"))])


def test_without_rights_the_error_says_what_to_grant(rig: TableRig) -> None:
    rig.run("CREATE TABLE t (id bigint PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'old')")
    scheme, _, rest = rig.server.url.partition("://")
    address = rest.rpartition("@")[2]
    database = address.rpartition("/")[2]
    if rig.dialect == "postgres":
        user = f"reader_{database}"
        rig.run(
            f"CREATE ROLE {user} LOGIN PASSWORD 'pw'",
            f"GRANT SELECT ON t TO {user}",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        )
        said = f'GRANT USAGE, CREATE ON SCHEMA "public" TO {user}'
    else:
        user = "reader"
        rig.run("CREATE OR REPLACE USER reader IDENTIFIED BY 'pw'", f"GRANT SELECT ON {database}.* TO reader")
        said = f"Grant SELECT, INSERT, UPDATE, DELETE, CREATE, DROP and ALTER on {database}"
    sink = open_sink(rig.dialect, f"{scheme}://{user}:pw@{address}")
    with sink, pytest.raises(ConfigurationError, match=said) as error:
        _deliver(sink)
    assert "pw" not in str(error.value)
    assert rig.rows() == [(1, "old")]
    assert rig.tables() == {"t"}


def test_an_error_of_the_rows_source_ends_staging_as_itself(rig: TableRig) -> None:
    class SourceGoneError(PipelineError):
        pass

    def rows() -> object:
        yield batch((1, "one"))
        raise SourceGoneError("The warehouse is gone.")

    wanted = export()
    with pytest.raises(SourceGoneError):
        rig.sink().stage(wanted, rows())
    rig.sink().discard(wanted)
    assert rig.tables() == set()


def test_a_locked_table_is_worth_a_retry(rig: TableRig) -> None:
    rig.deliver(export(), batch((1, "old")))
    wanted, sink = export(), rig.sink()
    sink.stage(wanted, [batch((2, "new"))])
    reader = rig.server.connect()
    try:
        with reader.cursor() as cursor:
            if rig.dialect == "mysql":
                cursor.execute("START TRANSACTION")
            cursor.execute("SELECT count(*) FROM t")  # its transaction stays open
            with pytest.raises(RetriableError):
                sink.publish(wanted)
    finally:
        reader.close()
    assert rig.rows() == [(1, "old")]
    sink.publish(wanted)
    assert rig.rows() == [(2, "new")]
