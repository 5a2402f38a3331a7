"""A column that is added at the source arrives with the values of all rows, also of those that do not change again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.type_lab.databases import Database, MariaDbDatabase, PostgresDatabase
from tests.type_lab.laboratory import Laboratory


@pytest.fixture(params=["postgres", "mysql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    server = request.getfixturevalue(
        {"postgres": "postgres_server", "mysql": "mariadb_server"}[request.param]
    )
    kind = {"postgres": PostgresDatabase, "mysql": MariaDbDatabase}[request.param]
    made = kind(server.create_database("gained_columns"))
    yield made
    made.close()


def test_a_column_with_a_default_and_one_without_values(
    database: Database, warehouse_dir: Path, tmp_path: Path
) -> None:
    laboratory = Laboratory(database, f"chdb://{warehouse_dir}", tmp_path)
    try:
        database.create("orders", [])
        database.run("INSERT INTO orders VALUES (1, '2024-01-01'), (2, '2024-01-02'), (3, '2024-01-03')")
        assert laboratory.load("orders", [], mode="incremental").moved.rows == 3

        database.run("ALTER TABLE orders ADD COLUMN note varchar(20)")
        database.run("INSERT INTO orders VALUES (4, '2024-01-04', 'four')")
        result = laboratory.load("orders", [], mode="incremental")
        assert result.moved.rows == 2  # no old row has a note, so only what is new is read

        database.run("ALTER TABLE orders ADD COLUMN price int NOT NULL DEFAULT 7")
        result = laboratory.load("orders", [], mode="incremental")
        assert any("gained price" in note for note in result.notes)
        stored = laboratory.sink.rows("SELECT id, note, price FROM lab.orders FINAL ORDER BY id")
        assert stored == database.run("SELECT id, note, price FROM orders ORDER BY id")
        assert laboratory.load("orders", [], mode="incremental").moved.rows < 4
    finally:
        laboratory.close()
