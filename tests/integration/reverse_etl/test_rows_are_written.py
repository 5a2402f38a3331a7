"""Rows of the warehouse arrive in a production table: in every mode, only those that changed, and can be taken back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dagster_pipeline.reverse_etl.book_tables import DATABASE
from dagster_pipeline.reverse_etl.change_cap import ChangesRefusedError
from tests.integration.reverse_etl.flow_rig import FlowRig

SOURCE = "id UInt32, note Nullable(String), score Decimal(10, 2)"
TARGET = "CREATE TABLE scores (id bigint PRIMARY KEY, note varchar(50), score decimal(12,2) NOT NULL)"
THREE = "VALUES (3, 'c', 0.5), (1, 'a', 1.25), (2, NULL, -2)"
ALL_THREE = [(1, "a", Decimal("1.25")), (2, None, Decimal(-2)), (3, "c", Decimal("0.5"))]


def test_new_and_changed_rows_are_written_and_the_next_run_has_nothing_to_do(rig: FlowRig):
    rig.target(TARGET, "INSERT INTO scores VALUES (2, 'old', 0), (9, 'theirs', 9)")
    rig.source(SOURCE, THREE)
    first = rig.run()
    assert rig.found() == [*ALL_THREE, (9, "theirs", Decimal(9))]
    assert (first.counts.inserted, first.counts.updated, first.counts.unchanged) == (2, 1, 0)
    assert first.is_reconciled
    second = rig.run()
    assert (second.changes, second.counts.written, second.counts.read) == (0, 0, 0)
    rig.source(SOURCE, "VALUES (3, 'c', 0.5), (1, 'a', 1.25), (2, NULL, 7)")
    third = rig.run()
    assert (third.changes, third.counts.updated, third.counts.written) == (1, 1, 1)
    assert rig.found()[1] == (2, None, Decimal(7))


def test_rows_that_are_as_wanted_already_are_not_written(rig: FlowRig):
    rig.target(TARGET, "INSERT INTO scores VALUES (1, 'a', 1.25), (2, NULL, -2), (3, 'c', 0.50)")
    rig.source(SOURCE, THREE)
    result = rig.run()
    assert (result.changes, result.counts.unchanged, result.counts.written) == (3, 3, 0)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("insert", [(1, "a", Decimal("1.25")), (2, "old", Decimal(0)), (9, "theirs", Decimal(9))]),
        ("update", [(2, None, Decimal(-2)), (9, "theirs", Decimal(9))]),
        ("mirror", [(1, "a", Decimal("1.25")), (2, None, Decimal(-2))]),
    ],
)
def test_a_mode_changes_only_what_it_says(rig: FlowRig, mode: str, expected: list[tuple[object, ...]]):
    rig.keys = {"mode": mode}
    rig.target(TARGET, "INSERT INTO scores VALUES (2, 'old', 0), (9, 'theirs', 9)")
    rig.source(SOURCE, "VALUES (1, 'a', 1.25), (2, NULL, -2)")
    result = rig.run()
    assert rig.found() == expected
    assert result.is_reconciled
    assert rig.run().counts.written == 0


def test_update_finds_a_row_that_comes_to_exist_later(rig: FlowRig):
    rig.keys = {"mode": "update"}
    rig.target(TARGET)
    rig.source(SOURCE, "VALUES (1, 'a', 1.25)")
    assert rig.run().counts.absent == 1
    rig.target("INSERT INTO scores VALUES (1, 'old', 0)")
    assert rig.run().counts.updated == 1
    assert rig.found() == [(1, "a", Decimal("1.25"))]


def test_a_mirror_deletes_what_leaves_the_source(rig: FlowRig):
    rig.keys = {"mode": "mirror"}
    rig.target(TARGET)
    rig.source(SOURCE, THREE)
    rig.run()
    rig.source(SOURCE, "VALUES (1, 'a', 1.25)")
    result = rig.run()
    assert (result.counts.deleted, result.target_rows, result.source_rows) == (2, 1, 1)
    assert rig.found() == ALL_THREE[:1]


def test_too_many_changes_fail_before_anything_is_written(rig: FlowRig):
    rig.keys = {"max_change": "10%"}
    rig.target(TARGET)
    rig.source(SOURCE, "SELECT number, 'a', 1 FROM numbers(2000)")
    rig.run()
    rig.source(SOURCE, "SELECT number, 'b', 1 FROM numbers(2000)")
    with pytest.raises(ChangesRefusedError, match="2,000 rows would change"):
        rig.run()
    assert rig.found("SELECT DISTINCT note FROM scores") == [("a",)]
    assert rig.run(allow_change=True).counts.updated == 2000


def test_a_mirrors_first_run_may_look_at_every_row_and_not_delete_most_of_them(rig: FlowRig):
    rig.keys = {"mode": "mirror"}
    ten = ", ".join(str(number) for number in range(10))
    rig.target(
        TARGET,
        *(
            f"INSERT INTO scores SELECT {number} * 30 + id, 'a', 1 FROM ({_numbers(30)}) n"
            for number in range(10)
        ),
    )
    rig.source(SOURCE, "SELECT number, 'a', 1 FROM numbers(300)")
    assert rig.run().counts.unchanged == 300
    rig.target(f"DELETE FROM scores WHERE id IN ({ten})", "UPDATE scores SET note = 'theirs' WHERE id = 20")
    assert rig.run().changes == 0
    refreshed = rig.run(full_refresh=True)
    assert (refreshed.counts.inserted, refreshed.counts.updated, refreshed.counts.unchanged) == (10, 1, 289)
    rig.sink.command(f"DROP TABLE {DATABASE}.scores__written", doing="x")
    rig.source(SOURCE, "SELECT number, 'a', 1 FROM numbers(100)")
    with pytest.raises(ChangesRefusedError, match="200 rows would change"):
        rig.run()
    assert rig.found("SELECT count(*) FROM scores") == [(300,)]


def _numbers(count: int) -> str:
    return " UNION ALL ".join(f"SELECT {number} AS id" for number in range(count))


def test_a_dry_run_counts_and_writes_nothing(rig: FlowRig):
    rig.target(TARGET)
    rig.source(SOURCE, f"{THREE}, (4, '{'x' * 51}', 0)")
    result = rig.run(dry_run=True)
    assert (result.changes, result.counts.rejected, result.dry_run) == (4, 1, True)
    assert rig.found() == []
    assert rig.run().counts.inserted == 3


@pytest.mark.parametrize("mode", ["upsert", "mirror"])
def test_a_run_is_taken_back_row_by_row(rig: FlowRig, mode: str):
    rig.keys = {"mode": mode}
    before = [(2, "old", Decimal(0)), (9, "theirs", Decimal(9))]
    rig.target(TARGET, "INSERT INTO scores VALUES (2, 'old', 0), (9, 'theirs', 9)")
    rig.source(SOURCE, THREE)
    load = rig.run().load
    rig.target("UPDATE scores SET note = 'ours' WHERE id = 3")
    undone = rig.undo(load)
    assert (undone.restored, undone.changed_since, undone.refused) == (3 if mode == "mirror" else 2, 1, 0)
    assert rig.found() == [before[0], (3, "ours", Decimal("0.5")), before[1]]
    again = rig.undo(load)
    assert (again.restored, again.already) == (0, undone.restored)
    rig.run()
    theirs = (3, "ours", Decimal("0.5"))
    assert rig.found() == [*ALL_THREE[:2], theirs, *(before[1:] if mode == "upsert" else [])]


def test_a_key_of_two_columns_and_batches_of_two(rig: FlowRig):
    rig.keys = {
        "key": ["region", "id"],
        "batch_rows": 2,
        "columns": [{"name": "region"}, {"name": "id"}, {"name": "score"}],
    }
    rig.target(
        "CREATE TABLE scores (id bigint, region varchar(5), score double precision, PRIMARY KEY (region, id))"
    )
    rig.source(
        "region String, id UInt8, score Float64",
        "SELECT ['eu','us'][number % 2 + 1], number, number / 10 FROM numbers(7)",
    )
    result = rig.run()
    assert (result.counts.inserted, result.batches) == (7, 4)
    assert rig.found("SELECT region, id, score FROM scores ORDER BY id") == [
        (["eu", "us"][number % 2], number, number / 10) for number in range(7)
    ]


def test_columns_of_the_source_may_be_called_as_ours_are_inside(rig: FlowRig):
    rig.keys = {
        "columns": [
            {"name": "id", "from": "c1"},
            {"name": "note", "from": "c2"},
            {"name": "score", "from": "c0"},
        ]
    }
    rig.target(TARGET)
    rig.source("c0 Decimal(10, 2), c1 UInt32, c2 Nullable(String)", "VALUES (1.25, 1, 'a')")
    rig.run()
    assert rig.found() == [(1, "a", Decimal("1.25"))]
