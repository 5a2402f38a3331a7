"""Exports into PostgreSQL and MariaDB: what readers of the destination see, and what stays as it was."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from dagster_pipeline.connectors.sink.base_export_sink import ExportColumn, ExportMode
from dagster_pipeline.connectors.sink.mysql import load
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.type_mapper.clickhouse_type import parse_clickhouse_type
from tests.integration.exports.table_rig import TableRig, batch, export

NASTY = "tab\t new\nline \r back\\slash 'quote' \"double\" \\N \\. ü 🎉 % ,;"
UTC = dt.UTC
VALUES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "Bool": (pa.bool_(), [True, False]),
    "Int8": (pa.int8(), [-128, 127]),
    "Int64": (pa.int64(), [-(2**63), 2**63 - 1]),
    "UInt8": (pa.uint8(), [0, 255]),
    "UInt64": (pa.uint64(), [0, 2**64 - 1]),
    "Decimal(20, 10)": (pa.decimal128(20, 10), [Decimal("0.0000000001"), Decimal("-9999999999.9999999999")]),
    "Decimal(60, 20)": (pa.decimal256(60, 20), [Decimal("1e-20"), Decimal("-" + "9" * 40 + "." + "9" * 20)]),
    "Float64": (pa.float64(), [0.1, -1.7976931348623157e308]),
    "Date32": (pa.date32(), [dt.date(1900, 1, 1), dt.date(2299, 12, 31)]),
    "DateTime('UTC')": (
        pa.timestamp("s", "UTC"),
        [dt.datetime(1970, 1, 1, tzinfo=UTC), dt.datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC)],
    ),
    "DateTime64(6, 'UTC')": (
        pa.timestamp("us", "UTC"),
        [
            dt.datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
            dt.datetime(2299, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        ],
    ),
    "String": (pa.string(), ["", NASTY]),
    "Nullable(String)": (pa.string(), [None, "NULL"]),
    "UUID": (pa.string(), ["61f0c404-5cb3-11e7-907b-a6006ad3dba0", "00000000-0000-0000-0000-000000000000"]),
    "IPv6": (pa.string(), ["2001:db8::1", "::1"]),
}


def _as_exported(value: Any) -> Any:
    """The driver's value as Arrow has it: databases have booleans as numbers, and moments without a zone."""
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=UTC)
    return value


@pytest.mark.parametrize("load_data", [True, False], ids=["by LOAD DATA or COPY", "by INSERT"])
def test_every_type_arrives_as_it_was(
    rig: TableRig, monkeypatch: pytest.MonkeyPatch, load_data: bool
) -> None:
    if not load_data:
        if rig.dialect == "postgres":
            pytest.skip("COPY is always allowed")
        monkeypatch.setattr(
            "dagster_pipeline.connectors.sink.mysql.connector.allows_load_data", lambda _: False
        )
    columns = tuple(
        ExportColumn(f"c{number}", parse_clickhouse_type(declared)) for number, declared in enumerate(VALUES)
    )
    rows = pa.RecordBatch.from_arrays(
        [pa.array(values, arrow) for arrow, values in VALUES.values()], [column.name for column in columns]
    )

    published = rig.deliver(export(columns=columns), rows)

    assert published.rows == 2
    stored = rig.rows("SELECT * FROM t ORDER BY c1")
    for number, (_, values) in enumerate(VALUES.values()):
        assert [_as_exported(row[number]) for row in stored] == values, columns[number].type


def test_arrays_are_json(rig: TableRig) -> None:
    texts = ['"', "\\", NASTY, "\x01"]
    columns = (
        ExportColumn("texts", parse_clickhouse_type("Array(String)")),
        ExportColumn("days", parse_clickhouse_type("Array(Array(Date32))")),
        ExportColumn("flags", parse_clickhouse_type("Array(Nullable(Bool))")),
    )
    days = [[dt.date(2026, 11, 21)], []]
    rows = pa.RecordBatch.from_arrays(
        [
            pa.array([texts, []], pa.list_(pa.string())),
            pa.array([days, []], pa.list_(pa.list_(pa.date32()))),
            pa.array([[True, None, False], []], pa.list_(pa.bool_())),
        ],
        [column.name for column in columns],
    )
    rig.deliver(export(columns=columns), rows)
    kind = "char" if rig.dialect == "mysql" else "text"
    stored = rig.rows(
        f"SELECT CAST(texts AS {kind}), CAST(days AS {kind}), CAST(flags AS {kind}) FROM t WHERE CAST(days AS {kind}) <> '[]'"
    )
    assert [json.loads(text) for text in stored[0]] == [texts, [["2026-11-21"], []], [True, None, False]]


def test_a_replaced_table_keeps_its_indexes_and_grants(rig: TableRig) -> None:
    rig.run("CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20) DEFAULT 'none')")
    rig.run("CREATE INDEX by_name ON t (name)", "INSERT INTO t VALUES (1, 'old')")
    if rig.dialect == "postgres":
        rig.run("COMMENT ON TABLE t IS 'of the team'", "GRANT SELECT ON t TO PUBLIC")
    published = rig.deliver(export(key=["id"]), batch((2, "two")), batch((3, None)))
    assert published.rows == 2
    assert rig.rows() == [(2, "two"), (3, None)]
    assert rig.tables() == {"t"}
    if rig.dialect == "postgres":
        found = "SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename = 't'"
        assert rig.rows(found) == [("by_name t_pkey",)]
        assert rig.rows(
            "SELECT obj_description('t'::regclass), relacl::text LIKE '%=r/%' FROM pg_class WHERE relname = 't'"
        ) == [("of the team", True)]
        assert rig.rows("SELECT count(*) FROM pg_constraint WHERE conname = 't_pkey'") == [(1,)]
    else:
        found = "SELECT DISTINCT index_name FROM information_schema.statistics WHERE table_schema = database() ORDER BY 1"
        assert rig.rows(found) == [("PRIMARY",), ("by_name",)] or rig.rows(found) == [
            ("by_name",),
            ("PRIMARY",),
        ]


def test_readers_see_the_old_rows_until_the_new_ones_are_published(rig: TableRig) -> None:
    rig.deliver(export(), batch((1, "old")))
    wanted, sink = export(), rig.sink()
    sink.stage(wanted, [batch((2, "new"))])
    assert rig.rows() == [(1, "old")]
    sink.publish(wanted)
    assert rig.rows() == [(2, "new")]


def test_merge_replaces_rows_of_the_same_key_and_takes_away_those_that_are_gone(rig: TableRig) -> None:
    rig.run("CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20), own varchar(20) DEFAULT 'kept')")
    rig.run("INSERT INTO t (id, name) VALUES (1, 'stays'), (2, 'changes'), (3, 'goes')")
    wanted = export(ExportMode.MERGE, key=["id"], carries_deletions=True)
    rig.deliver(wanted, batch((2, "changed"), (3, None), (4, "new"), (5, "never was"), gone=[0, 1, 0, 1]))
    assert rig.rows("SELECT id, name, own FROM t ORDER BY id") == [
        (1, "stays", "kept"), (2, "changed", "kept"), (4, "new", "kept"),
    ]  # fmt: skip
    assert rig.tables() == {"t"}


@pytest.mark.parametrize("mode", list(ExportMode))
def test_publishing_again_changes_nothing(rig: TableRig, mode: ExportMode) -> None:
    rig.run("CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20))", "INSERT INTO t VALUES (1, 'one')")
    wanted = export(mode, key=["id"] if mode is ExportMode.MERGE else [])
    rig.deliver(wanted, batch((7, "seven")))
    rig.run("UPDATE t SET name = 'of somebody else'")
    rig.sink().publish(wanted)
    assert {name for _, name in rig.rows()} == {"of somebody else"}
    assert len(rig.rows()) == (1 if mode is ExportMode.REPLACE else 2)


@pytest.mark.parametrize("mode", list(ExportMode))
def test_a_table_that_is_missing_is_created(rig: TableRig, mode: ExportMode) -> None:
    merges = mode is ExportMode.MERGE
    wanted = export(mode, key=["id"] if merges else [], carries_deletions=merges, description="Team's own")
    rows = batch((1, "one"), (2, "gone"), gone=[0, 1]) if merges else batch((1, "one"))
    (said,) = rig.sink().check(wanted)
    assert "will be created" in said
    rig.deliver(wanted, rows)
    assert rig.rows("SELECT * FROM t") == [(1, "one")]
    said_by = {
        "postgres": "SELECT obj_description('t'::regclass)",
        "mysql": "SELECT table_comment FROM information_schema.tables WHERE table_name = 't' AND table_schema = database()",
    }
    assert rig.rows(said_by[rig.dialect]) == [("Team's own",)]
    if merges:
        rig.deliver(export(mode, key=["id"]), batch((1, "once more")))
        assert rig.rows() == [(1, "once more")]


def test_an_export_without_rows_empties_the_table(rig: TableRig) -> None:
    rig.deliver(export(), batch((1, "one")))
    assert rig.deliver(export()).rows == 0
    assert rig.rows() == []


def test_staging_again_replaces_what_was_staged(rig: TableRig) -> None:
    wanted, sink = export(key=["id"]), rig.sink()
    sink.stage(wanted, [batch((1, "first"))])
    sink.stage(wanted, [batch((1, "second"))])
    sink.publish(wanted)
    assert rig.rows() == [(1, "second")]


def test_discarding_leaves_nothing_and_hurts_nothing(rig: TableRig) -> None:
    rig.deliver(export(), batch((1, "one")))
    wanted, sink = export(), rig.sink()
    sink.discard(wanted)
    sink.stage(wanted, [batch((2, "two"))])
    assert len(rig.tables()) > 1
    sink.discard(wanted)
    assert rig.tables() == {"t"}
    assert rig.rows() == [(1, "one")]


def test_a_view_on_the_table_shows_the_new_rows(rig: TableRig) -> None:
    rig.deliver(export(), batch((1, "one")))
    rig.run("CREATE VIEW v AS SELECT id, name FROM t")
    rig.deliver(export(), batch((2, "two")))
    assert rig.rows("SELECT id, name FROM v") == [(2, "two")]


def test_a_view_that_appears_after_staging_is_kept_too(postgres_rig: TableRig) -> None:
    rig = postgres_rig
    rig.deliver(export(), batch((1, "one")))
    wanted, sink = export(), rig.sink()
    sink.stage(wanted, [batch((2, "two"))])
    rig.run(
        "CREATE VIEW v AS SELECT id, name FROM t",
        "CREATE FUNCTION f(t) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    )
    sink.publish(wanted)
    assert rig.rows("SELECT id, name FROM v") == [(2, "two")]
    assert rig.tables() == {"t", "v"}


def test_a_column_that_appears_after_staging_is_kept_too(rig: TableRig) -> None:
    rig.deliver(export(), batch((1, "one")))
    wanted, sink = export(), rig.sink()
    sink.stage(wanted, [batch((2, "two"))])
    rig.run("ALTER TABLE t ADD own varchar(20) DEFAULT 'kept'")
    sink.publish(wanted)
    assert rig.rows("SELECT * FROM t") == [(2, "two", "kept")]


def test_a_trigger_on_the_table_fires_and_stays(mysql_rig: TableRig) -> None:
    rig = mysql_rig
    rig.deliver(export(), batch((1, "one")))
    rig.run("CREATE TRIGGER shouts BEFORE INSERT ON t FOR EACH ROW SET NEW.name = UPPER(NEW.name)")
    (said,) = rig.sink().check(export())
    assert "it has triggers" in said
    rig.deliver(export(), batch((2, "two")))
    rig.deliver(export(ExportMode.APPEND), batch((3, "three")))
    assert rig.rows() == [(2, "TWO"), (3, "THREE")]


def test_rows_that_others_refer_to_are_replaced_one_by_one(rig: TableRig) -> None:
    rig.run(
        "CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20))", "INSERT INTO t VALUES (1, 'a'), (2, 'b')"
    )
    rig.run(
        "CREATE TABLE child (t_id bigint, FOREIGN KEY (t_id) REFERENCES t (id))",
        "INSERT INTO child VALUES (1)",
    )
    with pytest.raises(
        ConfigurationError, match=r"foreign keys of other tables refer to its rows.*Write key"
    ):
        rig.sink().check(export())
    rig.deliver(export(key=["id"]), batch((1, "changed"), (3, "new")))
    assert rig.rows() == [(1, "changed"), (3, "new")]
    assert rig.rows("SELECT t_id FROM child") == [(1,)]


def test_an_insert_never_takes_a_row_for_another_one(mysql_rig: TableRig) -> None:
    """As ON DUPLICATE KEY UPDATE would, which looks into every unique index."""
    rig = mysql_rig
    rig.run(
        "CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20) UNIQUE)", "INSERT INTO t VALUES (1, 'one')"
    )
    rig.deliver(export(ExportMode.MERGE, key=["id"]), batch((2, "two")))
    assert rig.rows() == [(1, "one"), (2, "two")]


def test_many_rows_come_in_packets_that_the_server_takes(
    mysql_rig: TableRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_pipeline.connectors.sink.mysql.connector.allows_load_data", lambda _: False)
    monkeypatch.setattr(load, "PACKET_BYTES", 10_000)
    rows = [(number, "x" * (number % 300)) for number in range(2_000)]
    mysql_rig.deliver(export(key=["id"]), batch(*rows[:1500]), batch(*rows[1500:]))
    assert mysql_rig.rows() == rows
