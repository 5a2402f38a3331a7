"""Rows that vanish at the source are marked in the warehouse by the next run, under a cap."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dagster_pipeline.errors import DataQualityError
from dagster_pipeline.reconcile.difference import Kind
from tests.contract.sources.both_sources import Server
from tests.integration.reconcile.rig import Rig

MakeRig = Callable[..., Rig]
ROWS = 3_000
FILE = """
version: 1
sync: {cursor: changed, deletes: mirror}
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: note, type: varchar(50)}
  - {name: changed, type: timestamp}
"""
BY_TWO = FILE.replace(
    "  - {name: note, type: varchar(50)}\n", "  - {name: note, type: varchar(50), primary_key: true}\n"
)
NUMBERS = {
    "postgres": f"SELECT i, concat('note ', i % 7), timestamp '2024-01-01 00:00:00' FROM generate_series(1, {ROWS}) AS s(i)",
    "mysql": f"SELECT seq, concat('note ', seq % 7), '2024-01-01 00:00:00' FROM seq_1_to_{ROWS}",
}


def statements(server: Server, key: str = "id") -> tuple[str, str]:
    return (
        f"CREATE TABLE t (id bigint NOT NULL, note varchar(50) NOT NULL, changed timestamp NOT NULL, PRIMARY KEY ({key}))",
        f"INSERT INTO t {NUMBERS[server.dialect]}",
    )


@pytest.mark.parametrize("key", ["id", "id, note", "note, id"])
def test_vanished_rows_disappear_under_final_without_a_reload(rig: MakeRig, server: Server, key: str) -> None:
    table = rig(FILE if key == "id" else BY_TWO, *statements(server, key))
    assert table.load().deleted_rows == 0
    server.run("DELETE FROM t WHERE id IN (1, 1500, 3000)")
    result = table.load()
    assert (result.deleted_rows, result.rows_in_destination) == (3, ROWS - 3)
    assert result.moved.rows <= ROWS  # rows at the cursor itself are read again; nothing else is
    assert table.stored("count(), countIf(id IN (1, 1500, 3000))") == [(ROWS - 3, 0)]
    again = table.load()
    assert (again.deleted_rows, again.rows_in_destination) == (0, ROWS - 3)
    assert table.reconcile().is_equal

    server.run("INSERT INTO t VALUES (1500, 'back', '2024-01-02 00:00:00')")
    assert table.load().rows_in_destination == ROWS - 2
    assert table.stored("note", "id = 1500") == [("back",)]


on_one_server = pytest.mark.parametrize("server", ["postgres"], indirect=True)


@on_one_server
def test_soft_deletes_mark_the_row_and_keep_its_values(rig: MakeRig, server: Server) -> None:
    table = rig(FILE.replace("mirror", "soft"), *statements(server))
    table.load()
    server.run("DELETE FROM t WHERE id = 14")
    assert (table.load().deleted_rows, table.load().deleted_rows) == (1, 0)
    assert table.stored("id, note", "_deleted") == [(14, "note 0")]
    assert table.stored("count()", "NOT _deleted") == [(ROWS - 1,)]
    assert table.reconcile().is_equal
    server.run("INSERT INTO t VALUES (14, 'back', '2024-01-02 00:00:00')")
    table.load()
    assert table.stored("note, _deleted", "id = 14") == [("back", 0)]


@on_one_server
def test_a_deletion_and_an_insertion_at_once_are_both_seen(rig: MakeRig, server: Server) -> None:
    """The number of rows stays the same."""
    table = rig(FILE, *statements(server))
    table.load()
    server.run("DELETE FROM t WHERE id = 10", "INSERT INTO t VALUES (3001, 'new', '2024-01-02 00:00:00')")
    assert (table.load().deleted_rows, table.stored("count()")) == (1, [(ROWS,)])
    assert table.reconcile().is_equal


@on_one_server
def test_more_deletes_than_the_cap_fail_the_run_and_can_be_approved(rig: MakeRig, server: Server) -> None:
    table = rig(FILE, *statements(server))
    table.load()
    server.run("DELETE FROM t WHERE id <= 31", "INSERT INTO t VALUES (9999, 'new', '2024-01-02 00:00:00')")
    with pytest.raises(DataQualityError) as refused:
        table.load()
    assert "31 of 3,001 rows are gone at the source" in str(refused.value)
    assert "allow_deletes: true" in str(refused.value)
    assert table.stored("count()") == [(ROWS + 1,)]  # nothing was marked, and what was loaded stays
    assert table.load(allow_deletes=True).deleted_rows == 31
    assert table.stored("count()") == [(ROWS - 30,)]


@on_one_server
def test_an_emptied_source_does_not_empty_the_warehouse(rig: MakeRig, server: Server) -> None:
    table = rig(FILE.replace("mirror", "mirror, max_delete: 50%"), *statements(server))
    table.load()
    server.run("DELETE FROM t")
    with pytest.raises(DataQualityError, match="3,000 of 3,000 rows"):
        table.load()
    assert table.stored("count()") == [(ROWS,)]
    with pytest.raises(DataQualityError, match="3,000 of 3,000 rows"):
        table.reconcile(repair=True)


@on_one_server
def test_a_repair_marks_what_is_gone_where_deletes_are_tracked(rig: MakeRig, server: Server) -> None:
    table = rig(FILE, *statements(server))
    table.load()
    server.run("DELETE FROM t WHERE id = 5")
    found = table.reconcile()
    assert (found.found, found.is_mended) == ({Kind.EXTRA: 1}, False)
    assert table.reconcile(repair=True).marked == 1
    assert table.reconcile().is_equal


@on_one_server
def test_ignored_deletes_stay_as_they_were(rig: MakeRig, server: Server) -> None:
    table = rig(FILE.replace("mirror", "ignore"), *statements(server))
    table.load()
    server.run("DELETE FROM t WHERE id = 5")
    assert (table.load().deleted_rows, table.stored("count()")) == (0, [(ROWS,)])


@on_one_server
def test_a_full_load_leaves_vanished_rows_behind_by_itself(rig: MakeRig, server: Server) -> None:
    table = rig(FILE.replace("cursor: changed", "mode: full"), *statements(server))
    table.load()
    server.run("DELETE FROM t WHERE id = 5")
    assert (table.load().deleted_rows, table.stored("count()")) == (0, [(ROWS - 1,)])
