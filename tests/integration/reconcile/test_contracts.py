"""A table file against two live catalogs: each difference on its line, and a text that really settles it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_pipeline.contract.shown import as_text
from dagster_pipeline.contract.table_contract import TableContract, contract_of
from dagster_pipeline.errors import ConfigurationError
from tests.contract.sources.both_sources import Server
from tests.integration.reconcile.rig import Rig

FILE = """version: 1
description: "Things"  # seen in the UI
sync: {mode: full}
columns:
  # the key
  - {name: id, type: INTEGER_TYPE, primary_key: true}
  - {name: note, type: "varchar(20)"}   # a note

  - name: price
    type: "decimal(10,2)"
    nullable: true
checks:
  - unique: [id]
"""
CREATE = "CREATE TABLE t (id int PRIMARY KEY, note varchar(20) NOT NULL, price decimal(10,2))"


@pytest.fixture
def loaded(server: Server, rig: Callable[..., Rig]) -> Rig:
    integer = "int" if server.dialect == "mysql" else "integer"
    made = rig(FILE.replace("INTEGER_TYPE", integer), CREATE, "INSERT INTO t VALUES (1, 'a', 2.50)")
    made.load()
    return made


def held(rig: Rig) -> TableContract:
    with rig._source() as source:
        return contract_of(rig.schema, source=source, sink=rig.sink)


def settle_file(rig: Rig, contract: TableContract) -> None:
    """Apply the patch as a person would, with the standard tool."""
    patch = contract.patch.replace(f"a/{contract.file}", "a/t.yml").replace(f"b/{contract.file}", "b/t.yml")
    folder = Path(rig.schema.path).parent
    subprocess.run(
        ["patch", "-p1", "--fuzz=0"], cwd=folder, input=patch, text=True, check=True, capture_output=True
    )
    rig.read(Path(rig.schema.path).read_text())


def test_a_table_in_step_has_no_difference(loaded: Rig) -> None:
    assert held(loaded).is_kept


def test_what_changed_at_the_source_is_named_by_line_and_settled_by_the_patch(loaded: Rig) -> None:
    more = ", ALGORITHM=COPY" if loaded.server.dialect == "mysql" else ""
    loaded.server.run(
        "ALTER TABLE t ADD COLUMN added date",
        f"ALTER TABLE t {'MODIFY' if more else 'ALTER COLUMN'} note {'' if more else 'TYPE '}varchar(30)"
        + (" NULL" if more else ""),
        *([] if more else ["ALTER TABLE t ALTER COLUMN note DROP NOT NULL"]),
        "ALTER TABLE t DROP COLUMN price",
    )
    contract = held(loaded)
    of_source = {each.line: each for each in contract.differences if each.between == "source"}
    lines = [each.line for each in contract.differences if each.between == "source"]
    assert sorted(lines) == [4, 7, 7, 9]
    assert "has no column 'price'" in of_source[9].what
    assert of_source[9].stops_load
    assert "'added' (date)" in of_source[4].what
    assert "+  - {name: added, type: date, nullable: true}" in of_source[4].patch
    settle_file(loaded, contract)
    text = Path(loaded.schema.path).read_text()
    assert "# seen in the UI" in text
    assert "# a note" in text
    left = held(loaded)
    assert {each.between for each in left.differences} == {"warehouse"}
    loaded.load()  # a full load makes the table anew
    assert held(loaded).is_kept


def test_what_somebody_did_to_the_warehouse_is_named_with_ddl_that_settles_it(loaded: Rig) -> None:
    loaded.disturb("ALTER TABLE {t} ADD COLUMN stray Nullable(String), MODIFY COMMENT 'Other'")
    contract = held(loaded)
    assert [(each.between, each.line) for each in contract.differences] == [
        ("warehouse", 2),
        ("warehouse", 4),
    ]
    assert not contract.stops_load
    for difference in contract.differences:
        for statement in difference.statements:
            assert statement in as_text(contract)
            loaded.disturb(statement)
    assert held(loaded).is_kept


def test_another_primary_key_at_the_source_is_named_and_settled(loaded: Rig) -> None:
    drop = "DROP PRIMARY KEY" if loaded.server.dialect == "mysql" else "DROP CONSTRAINT t_pkey"
    loaded.server.run(f"ALTER TABLE t {drop}", "ALTER TABLE t ADD PRIMARY KEY (id, note)")
    contract = held(loaded)
    (difference,) = contract.differences
    assert "the primary key is (id, note), the file's is (id)" in difference.what
    settle_file(loaded, contract)
    assert loaded.schema.primary_key == ("id", "note")
    assert [each.between for each in held(loaded).differences] == [
        "warehouse"
    ]  # ORDER BY: a full load settles it
    loaded.load()
    assert held(loaded).is_kept


def test_a_type_that_cannot_be_stored_stops_the_load_and_is_told(loaded: Rig) -> None:
    odd = "decimal(65,30)" if loaded.server.dialect == "mysql" else "tsvector"
    loaded.server.run("ALTER TABLE t DROP COLUMN note", f"ALTER TABLE t ADD COLUMN note {odd}")
    assert held(loaded).differences
    assert "note" in as_text(held(loaded))


def test_a_table_that_is_gone_is_an_error_that_names_it(loaded: Rig) -> None:
    loaded.server.run("DROP TABLE t")
    with pytest.raises(ConfigurationError, match="t"):
        held(loaded)


def test_a_table_that_was_never_loaded_comes_with_its_ddl(loaded: Rig) -> None:
    loaded.sink.drop(loaded.schema.destination.database, "t")
    (difference,) = held(loaded).differences
    assert "CREATE TABLE" in difference.statements[-1]
    assert not difference.stops_load
