"""What a target cannot take is refused before anything is written, or set aside row by row with its reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dagster_pipeline.errors import ConfigurationError, DataQualityError
from dagster_pipeline.reverse_etl.change_cap import RejectsRefusedError
from tests.integration.reverse_etl.flow_rig import FlowRig

SOURCE = "id UInt32, note Nullable(String), score Decimal(10, 2)"
ROWS = "SELECT number, toString(number), number FROM numbers(1, 20)"
OPEN = "CREATE TABLE scores (id bigint PRIMARY KEY, note varchar(50), score decimal(12,2)"
KEYED = "CREATE TABLE scores (id bigint PRIMARY KEY, note varchar(50), score decimal(12,2) NOT NULL)"
NARROWING = {
    "a smaller integer": ("Int64", "int", "Int64 does not fit"),
    "an unsigned key in a signed column": ("UInt64", "bigint", "UInt64 does not fit"),
    "fewer decimals": ("Decimal(10, 3)", "decimal(12,2)", r"Decimal\(10, 3\) does not fit into .*12,2"),
    "a decimal in a float": ("Decimal(10, 2)", "double precision", r"Decimal\(10, 2\) does not fit"),
    "a float in a decimal": ("Float64", "decimal(12,2)", "Float64 does not fit"),
    "a text in a number": ("String", "int", "String does not fit"),
}


@pytest.mark.parametrize("case", NARROWING)
def test_a_type_that_would_narrow_is_refused_before_anything_is_written(rig: FlowRig, case: str):
    clickhouse, theirs, words = NARROWING[case]
    rig.target(f"CREATE TABLE scores (id bigint PRIMARY KEY, note varchar(50), score {theirs})")
    rig.source(f"id UInt32, note String, score {clickhouse}", "VALUES (1, 'a', 1)")
    with pytest.raises(ConfigurationError, match=f"score: {words}"):
        rig.run()
    assert rig.found() == []


def test_shorter_seconds_are_refused(rig: FlowRig):
    theirs = "timestamp(3)" if rig.server.dialect == "postgres" else "datetime(3)"
    rig.target(f"CREATE TABLE scores (id bigint PRIMARY KEY, note varchar(50), score {theirs})")
    rig.source("id UInt32, note String, score DateTime64(6, 'UTC')", "VALUES (1, 'a', '2024-01-01 00:00:00')")
    with pytest.raises(ConfigurationError, match="does not fit into"):
        rig.run()
    assert rig.found() == []


def test_every_problem_with_the_target_is_named_at_once(rig: FlowRig):
    rig.keys = {"columns": [{"name": "id"}, {"name": "nots", "from": "note"}], "mode": "mirror"}
    rig.target(
        "CREATE TABLE scores (id bigint, note varchar(50), must int NOT NULL)",
        "CREATE INDEX plain ON scores (id)",
    )
    rig.source(SOURCE, ROWS)
    with pytest.raises(ConfigurationError) as caught:
        rig.run()
    said = str(caught.value)
    assert "no unique index on exactly (id), so a row could be doubled" in said
    assert "a new row needs must too" in said
    assert "nots: no such column. Did you mean 'note'?" in said
    assert rig.found("SELECT * FROM scores") == []


def test_deleting_must_not_reach_other_tables(rig: FlowRig):
    rig.keys = {"mode": "mirror"}
    rig.target(
        KEYED,
        "CREATE TABLE child (id int, parent bigint, FOREIGN KEY (parent) REFERENCES scores (id) ON DELETE CASCADE)",
    )
    rig.source(SOURCE, ROWS)
    with pytest.raises(ConfigurationError, match=r"deleting its rows would change rows of .*child"):
        rig.run()


def test_a_table_without_transactions_is_refused(rig: FlowRig):
    if rig.server.dialect == "postgres":
        pytest.skip("PostgreSQL has none")
    rig.target(f"{KEYED} ENGINE=MyISAM")
    rig.source(SOURCE, ROWS)
    with pytest.raises(ConfigurationError, match=r"no transactions\. Make it an InnoDB table"):
        rig.run()


def test_a_missing_table_is_named(rig: FlowRig):
    rig.target("CREATE TABLE scorez (id bigint PRIMARY KEY)")
    rig.source(SOURCE, ROWS)
    with pytest.raises(ConfigurationError, match=r"Did you mean .*scorez\? Correct target in the file"):
        rig.run()


def test_a_key_that_the_source_gives_twice_is_an_error(rig: FlowRig):
    rig.target(KEYED)
    rig.source(SOURCE, "VALUES (1, 'a', 1), (1, 'b', 2), (2, 'c', 3)")
    with pytest.raises(DataQualityError, match=r"gives a key more than once, e\.g\. 1\. Nothing was written"):
        rig.run()
    assert rig.found() == []


BAD_ROWS: dict[str, tuple[str, list[str], str]] = {
    "a NULL for a NOT NULL column": (
        "CREATE TABLE scores (id bigint PRIMARY KEY, note varchar(50) NOT NULL, score decimal(12,2))",
        ["(7, NULL, 1)"],
        "note: is NULL",
    ),
    "a text that is too long": (KEYED, [f"(7, '{'ä' * 51}', 1)"], "note: is longer than 50 characters"),
    "a foreign key violation": (
        f"{OPEN}, FOREIGN KEY (note) REFERENCES parents (name))",
        ["(7, 'nobody', 1)"],
        "foreign key constraint",
    ),
    "another unique index": (
        "CREATE TABLE scores (id bigint PRIMARY KEY, note varchar(50) UNIQUE, score decimal(12,2))",
        ["(7, '3', 1)"],
        "uplicate",
    ),
    "a check constraint": (
        f"{OPEN}, CONSTRAINT small CHECK (score < 900))",
        ["(7, 'x', 900)", "(8, 'y', 901)"],
        "small",
    ),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_row_that_the_target_refuses_is_set_aside_and_the_rest_go_on(rig: FlowRig, case: str):
    table, bad, words = BAD_ROWS[case]
    rig.target("CREATE TABLE parents (name varchar(50) PRIMARY KEY)")
    rig.target(*(f"INSERT INTO parents VALUES ('{number}')" for number in range(1, 21)), table)
    excluded = 6 + len(bad)
    rig.source(SOURCE, f"SELECT * FROM ({ROWS}) WHERE NOT number BETWEEN 7 AND {excluded}")
    rig.sink.command(f"INSERT INTO scores_src.scores VALUES {', '.join(bad)}", doing="x")
    result = rig.run()
    good = [(n, str(n), Decimal(n)) for n in range(1, 21) if not 7 <= n <= excluded]
    assert rig.found() == good
    assert (result.counts.inserted, result.counts.rejected) == (len(good), len(bad))
    assert not result.is_reconciled
    assert [(row, words in reason) for row, reason in rig.rejects()] == [
        (str(7 + index), True) for index in range(len(bad))
    ], rig.rejects()
    again = rig.run()
    assert (again.changes, again.counts.rejected, again.counts.written) == (len(bad), len(bad), 0)


def test_a_rejected_row_arrives_when_its_parent_has_come(rig: FlowRig):
    rig.target(
        "CREATE TABLE parents (name varchar(50) PRIMARY KEY)",
        f"{OPEN}, FOREIGN KEY (note) REFERENCES parents (name))",
    )
    rig.source(SOURCE, "VALUES (1, 'late', 1)")
    assert rig.run().counts.rejected == 1
    rig.target("INSERT INTO parents VALUES ('late')")
    assert rig.run().counts.inserted == 1


def test_too_many_rejects_stop_the_run_and_take_its_batch_back(rig: FlowRig):
    rig.keys = {"max_rejects": 2, "batch_rows": 5}
    rig.target(KEYED.replace("NOT NULL", "CHECK (score < 8)"))
    rig.source(SOURCE, ROWS)
    with pytest.raises(RejectsRefusedError, match="3 rows cannot be written, and max_rejects allows 2"):
        rig.run()
    assert rig.found("SELECT count(*), max(id) FROM scores") == [(5, 5)]
    assert [row for row, _ in rig.rejects()] == ["8", "9", "10"]


def test_rows_that_are_known_not_to_fit_count_before_anything_is_written(rig: FlowRig):
    rig.keys = {"max_rejects": 2}
    rig.target(KEYED)
    rig.source(SOURCE, "SELECT number, if(number < 4, repeat('x', 51), 'a'), 1 FROM numbers(20)")
    with pytest.raises(
        RejectsRefusedError,
        match=r"4 rows cannot be written[^-]*- 4 row\(s\): note: is longer than 50",
    ):
        rig.run()
    assert rig.found() == []


def test_keys_that_a_collation_takes_for_one_do_not_overwrite_each_other(rig: FlowRig):
    if rig.server.dialect == "postgres":
        pytest.skip("its usual collations keep them apart")
    rig.keys = {"columns": [{"name": "id"}, {"name": "score"}]}
    rig.target(
        "CREATE TABLE scores (id varchar(20) COLLATE utf8mb4_general_ci PRIMARY KEY, score int)",
        "INSERT INTO scores VALUES ('ANNA', 1)",
    )
    rig.source("id String, score Int32", "VALUES ('anna', 2), ('bea', 3)")
    result = rig.run()
    assert (result.counts.inserted, result.counts.rejected) == (1, 1)
    assert rig.found("SELECT id, score FROM scores ORDER BY score") == [("ANNA", 1), ("bea", 3)]


def test_what_a_trigger_changes_is_told(rig: FlowRig):
    rig.target(KEYED)
    if rig.server.dialect == "postgres":
        rig.target(
            "CREATE FUNCTION up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := upper(NEW.note); RETURN NEW; END $$",
            "CREATE TRIGGER up BEFORE INSERT ON scores FOR EACH ROW EXECUTE FUNCTION up()",
        )
    else:
        rig.target("CREATE TRIGGER up BEFORE INSERT ON scores FOR EACH ROW SET NEW.note = UPPER(NEW.note)")
    rig.source(SOURCE, "VALUES (1, 'a', 1), (2, 'B', 2)")
    result = rig.run()
    assert (result.counts.inserted, result.counts.differing, result.is_reconciled) == (2, 1, False)


def test_values_of_many_types_arrive_as_they_were(rig: FlowRig):
    is_postgres = rig.server.dialect == "postgres"
    types: dict[str, tuple[str, str, str, Any]] = {
        "id": ("Int64", "bigint", "-9223372036854775808", -(2**63)),
        "big": ("UInt64", "numeric(20)", "18446744073709551615", Decimal(2**64 - 1)),
        "money": (
            "Decimal(38, 10)",
            "decimal(38,10)",
            "'-12345678901234567890.0123456789'",
            Decimal("-12345678901234567890.0123456789"),
        ),
        "ratio": ("Float64", "double precision", "0.1", 0.1),
        "day": ("Date32", "date", "'1900-01-02'", "1900-01-02"),
        "moment": (
            "DateTime64(6, 'UTC')",
            "timestamp(6)" if is_postgres else "datetime(6)",
            "'2024-02-29 23:59:59.123456'",
            "2024-02-29 23:59:59.123456",
        ),
        "words": ("String", "text", "'it''s \\\\ % \\n ü \U0001f600'", "it's \\ % \n ü \U0001f600"),
        "bytes": ("String", "bytea" if is_postgres else "blob", "unhex('00ff27')", b"\x00\xff'"),
        "flag": ("Bool", "boolean" if is_postgres else "tinyint(1)", "true", 1),
        "document": ("String", "jsonb" if is_postgres else "json", "'{\"a\": [1, 2.50]}'", None),
    }
    rig.keys = {"columns": [{"name": name} for name in types]}
    rig.target(
        f"CREATE TABLE scores ({', '.join(f'{name} {theirs}' for name, (_, theirs, *_) in types.items())}, PRIMARY KEY (id))"
    )
    rig.source(
        ", ".join(f"{name} Nullable({ours})" for name, (ours, *_) in types.items()),
        f"SELECT {', '.join(value for _, _, value, _ in types.values())}",
    )
    result = rig.run()
    assert (result.counts.inserted, result.counts.differing, result.is_reconciled) == (1, 0, True), (
        rig.rejects()
    )
    names = [name for name in types if name != "document"]
    (found,) = rig.found(f"SELECT {', '.join(names)} FROM scores")
    shown = [
        str(value) if name in ("day", "moment") else bytes(value) if name == "bytes" else value
        for name, value in zip(names, found, strict=True)
    ]
    assert shown == [types[name][3] for name in names]
