"""A table is held against its source: what differs is named, and repaired by reading just those rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dagster_pipeline.errors import ConfigurationError, TableLockedError
from dagster_pipeline.reconcile import table_reconciliation
from dagster_pipeline.reconcile.compare import SMALLEST_RANGE
from dagster_pipeline.reconcile.difference import Kind
from tests.contract.sources.both_sources import Server
from tests.integration.reconcile.rig import Rig

MakeRig = Callable[..., Rig]
ROWS = 5_000

BY_NUMBER = """
version: 1
sync: {cursor: changed}
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: note, type: varchar(50), nullable: true}
  - {name: amount, type: "decimal(12,2)"}
  - {name: changed, type: timestamp}
"""
BY_TEXT = """
version: 1
sync: {cursor: changed}
columns:
  - {name: code, type: varchar(20), primary_key: true}
  - {name: part, type: int, primary_key: true}
  - {name: email, type: varchar(50), nullable: true, mask: hmac_sha256}
  - {name: amount, type: "decimal(12,2)"}
  - {name: changed, type: timestamp}
"""
BY_TWO = """
version: 1
sync: {cursor: changed}
columns:
  - {name: day, type: date, primary_key: true}
  - {name: device, type: int, primary_key: true}
  - {name: amount, type: "decimal(12,2)"}
  - {name: changed, type: timestamp}
"""

NUMBERS = {"postgres": "generate_series(1, {n}) AS s(i)", "mysql": "(SELECT seq AS i FROM seq_1_to_{n}) AS s"}
LONG_AGO = "'2024-01-01 00:00:00'"


def filled(server: Server, columns: str, values: str, rows: int = ROWS) -> tuple[str, str]:
    numbers = NUMBERS[server.dialect].format(n=rows)
    return f"CREATE TABLE t ({columns})", f"INSERT INTO t SELECT {values} FROM {numbers}"


def stamp(server: Server) -> str:
    return LONG_AGO if server.dialect == "mysql" else f"timestamp {LONG_AGO}"


def numbered(server: Server) -> tuple[str, ...]:
    columns = (
        "id bigint PRIMARY KEY, note varchar(50), amount decimal(12,2) NOT NULL, changed timestamp NOT NULL"
    )
    return filled(
        server, columns, f"i, CASE WHEN i % 3 = 0 THEN NULL ELSE 'note' END, i * 1.5, {stamp(server)}"
    )


def named(server: Server) -> tuple[str, ...]:
    """A key that the two databases sort differently."""
    columns = (
        "code varchar(20) NOT NULL, part int NOT NULL, email varchar(50), amount decimal(12,2) NOT NULL, "
        "changed timestamp NOT NULL, PRIMARY KEY (code, part)"
    )
    code = "concat('Ä-', i % 100, CASE WHEN i % 2 = 0 THEN 'x' ELSE 'Y' END)"
    return filled(server, columns, f"{code}, i, concat(i, '@example.com'), i * 1.5, {stamp(server)}")


def dated(server: Server) -> tuple[str, ...]:
    """A key of two columns that both databases sort alike."""
    columns = (
        "day date NOT NULL, device int NOT NULL, amount decimal(12,2) NOT NULL, changed timestamp NOT NULL, "
        "PRIMARY KEY (day, device)"
    )
    days = {"postgres": "date '2024-01-01' + i % 40", "mysql": "date '2024-01-01' + interval (i % 40) day"}
    return filled(server, columns, f"{days[server.dialect]}, i, i * 1.5, {stamp(server)}")


SHAPES = {
    "one number": (BY_NUMBER, numbered),
    "text, masked": (BY_TEXT, named),
    "date and number": (BY_TWO, dated),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_whatever_differs_is_named_and_repaired(rig: MakeRig, server: Server, shape: str) -> None:
    text, statements = SHAPES[shape]
    table = rig(text, *statements(server))
    table.load()

    equal = table.reconcile()
    assert (equal.source_rows, equal.warehouse_rows) == (ROWS, ROWS)
    assert (equal.is_equal, equal.reread_rows, equal.samples) == (True, 0, ())

    table.disturb("ALTER TABLE {t} UPDATE amount = amount + 0.01 WHERE amount = 1500")
    found = table.reconcile()
    assert found.found == {Kind.DIFFERENT: 1}
    assert found.samples[0].key[-1] == "1000"
    assert not found.is_mended
    repaired = table.reconcile(repair=True)
    assert (repaired.found, repaired.repaired, repaired.is_mended) == ({Kind.DIFFERENT: 1}, 1, True)
    assert table.stored("amount", "amount BETWEEN 1499.9 AND 1500.1")[0][0] == 1500

    table.disturb("ALTER TABLE {t} DELETE WHERE amount IN (1.5, 750, 7500)")
    result = table.reconcile(repair=True)
    assert (result.found, result.repaired) == ({Kind.MISSING: 3}, 3)
    assert (result.source_rows, result.warehouse_rows) == (ROWS, ROWS - 3)
    assert table.reconcile().is_equal

    table.server.run("DELETE FROM t WHERE amount IN (15, 30)")
    result = table.reconcile(repair=True)
    assert (result.tolerated, result.found, result.marked) == (2, {}, 0)
    assert "stay" in result.says

    table.server.run("UPDATE t SET amount = amount + 1, changed = '2030-01-01 00:00:00' WHERE amount <= 6")
    result = table.reconcile(repair=True)
    assert (result.is_equal, result.pending, result.repaired) == (True, 4, 0)
    table.load()
    assert table.reconcile().pending == 0


@pytest.fixture
def by_number(rig: MakeRig, server: Server) -> Rig:
    made = rig(BY_NUMBER, *numbered(server))
    made.load()
    return made


on_one_server = pytest.mark.parametrize("server", ["postgres"], indirect=True)


@on_one_server
def test_a_null_differs_from_an_empty_text(by_number: Rig) -> None:
    by_number.disturb("ALTER TABLE {t} UPDATE note = '' WHERE id = 3")
    by_number.disturb("ALTER TABLE {t} UPDATE note = NULL WHERE id = 4")
    assert by_number.reconcile().found == {Kind.DIFFERENT: 2}


@on_one_server
def test_a_long_row_counts_by_its_own_hash(rig: MakeRig, server: Server) -> None:
    note = "id bigint PRIMARY KEY, note text, amount decimal(12,2) NOT NULL, changed timestamp NOT NULL"
    table = rig(
        BY_NUMBER.replace("varchar(50)", "text"),
        *filled(server, note, f"i, repeat('ä', i::int), i * 1.5, {stamp(server)}"),
    )
    table.load()
    assert table.reconcile().reread_rows == 0
    table.disturb("ALTER TABLE {t} UPDATE note = concat(substring(note, 1, 8000), 'a') WHERE id = 4500")
    assert table.reconcile().found == {Kind.DIFFERENT: 1}


@on_one_server
def test_values_that_move_to_another_row_are_found(by_number: Rig) -> None:
    """Sums over columns stay the same."""
    by_number.disturb("ALTER TABLE {t} UPDATE amount = if(id = 7, 12, 10.5) WHERE id IN (7, 8)")
    assert by_number.reconcile().found == {Kind.DIFFERENT: 2}


@on_one_server
def test_only_the_range_that_differs_is_read_again(by_number: Rig) -> None:
    by_number.disturb("ALTER TABLE {t} UPDATE amount = 0 WHERE id = 2500")
    result = by_number.reconcile()
    assert result.parts >= 3
    assert 0 < result.reread_rows <= 2 * SMALLEST_RANGE < ROWS


@on_one_server
def test_a_changed_mask_key_shows_in_every_row(rig: MakeRig, server: Server) -> None:
    table = rig(BY_TEXT, *named(server))
    table.load()
    table.mask_key = "another key"
    assert table.reconcile().found == {Kind.DIFFERENT: ROWS}


@pytest.mark.parametrize("mask", ["hmac_sha256", "sha256", "redact"])
@on_one_server
def test_values_from_before_a_mask_are_found_and_repaired(by_number: Rig, mask: str) -> None:
    """The file gets a mask when the table is loaded already: no load touches the old rows."""
    clear = "{name: note, type: varchar(50), nullable: true"
    by_number.schema = by_number.read(BY_NUMBER.replace(clear, f"{clear}, mask: {mask}"))
    assert by_number.schema.column("note").mask is not None
    by_number.load()
    with_note = ROWS - ROWS // 3
    assert by_number.stored("countIf(note = 'note')") == [(with_note,)]

    assert by_number.reconcile().found == {Kind.DIFFERENT: with_note}
    by_number.reconcile(repair=True)
    assert by_number.stored("countIf(note = 'note'), count(note)") == [(0, with_note)]
    assert not by_number.reconcile().found


@on_one_server
def test_clear_keys_from_before_a_mask_are_not_tolerated(rig: MakeRig, server: Server) -> None:
    """Deletes are ignored, so rows that only the warehouse has are tolerated; not these."""
    table = rig(BY_TEXT, *named(server))
    table.load()
    table.disturb("INSERT INTO {t} SELECT * REPLACE ('gone' AS code) FROM {t} LIMIT 1")
    assert table.reconcile().tolerated == 1
    key = "{name: code, type: varchar(20), primary_key: true"
    table.schema = table.read(BY_TEXT.replace(key, f"{key}, mask: sha256"))
    table.load()
    found = table.reconcile()
    assert found.found == {Kind.MISSING: ROWS, Kind.EXTRA: ROWS + 1}
    assert "Load the table in full" in found.notes[0]
    table.reconcile(repair=True)
    assert table.reconcile().found == {Kind.EXTRA: ROWS + 1}
    table.load(full_refresh=True, allow_shrink=True)
    assert table.reconcile().is_equal
    assert table.reconcile().tolerated == 0


@on_one_server
def test_a_table_that_differs_everywhere_is_not_mended_row_by_row(
    by_number: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_reconciliation, "MOST_DIFFERENCES", 1_500)
    by_number.disturb("ALTER TABLE {t} UPDATE amount = amount + 1 WHERE 1")
    result = by_number.reconcile()
    assert not result.is_complete
    assert 1_500 < result.faults < ROWS
    assert "Load the table in full" in result.notes[0]


@on_one_server
def test_a_filter_of_the_file_holds_for_the_comparison(by_number: Rig) -> None:
    by_number.read(BY_NUMBER.replace("sync:", 'source: {where: "id <= 4000"}\nsync:'))
    result = by_number.reconcile()
    assert (result.source_rows, result.tolerated) == (4_000, 1_000)


@on_one_server
def test_a_table_without_a_key_is_refused(by_number: Rig) -> None:
    by_number.read(BY_NUMBER.replace(", primary_key: true", "").replace("{cursor: changed}", "{mode: full}"))
    with pytest.raises(ConfigurationError, match="no primary key"):
        by_number.reconcile()


@on_one_server
def test_a_table_that_was_never_loaded_is_refused(by_number: Rig) -> None:
    by_number.read(BY_NUMBER.replace("sync:", "destination: {table: elsewhere}\nsync:"))
    with pytest.raises(ConfigurationError, match="Load it first"):
        by_number.reconcile()


@on_one_server
def test_a_load_and_a_comparison_exclude_each_other(by_number: Rig) -> None:
    with by_number.state.lock(by_number.schema.name, owner="a load"), pytest.raises(TableLockedError):
        by_number.reconcile()


@on_one_server
def test_a_full_table_is_compared_too(rig: MakeRig, server: Server) -> None:
    made = rig(BY_NUMBER.replace("{cursor: changed}", "{mode: full}"), *numbered(server))
    made.load()
    server.run("DELETE FROM t WHERE id = 5", "UPDATE t SET amount = 0 WHERE id = 6")
    result = made.reconcile()
    assert result.found == {Kind.EXTRA: 1, Kind.DIFFERENT: 1}
    assert not result.is_mended
