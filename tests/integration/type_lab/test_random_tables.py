"""Random tables are written at the source, loaded, changed, loaded again, and equal, by the servers' own texts.

A failure prints its table and its seed; `TYPE_LAB_SEEDS=500 pytest <this file>` tries that many.
"""

from __future__ import annotations

import os
import random

from tests.type_lab.laboratory import Laboratory
from tests.type_lab.random_tables import RandomTable, random_table

FIRST = int(os.environ.get("TYPE_LAB_FIRST_SEED", "0"))
SEEDS = int(os.environ.get("TYPE_LAB_SEEDS", "8"))


def test_random_tables_arrive_and_arrive_again_after_changes(laboratory: Laboratory) -> None:
    for seed in range(FIRST, FIRST + SEEDS):
        table = random_table(seed, laboratory.database)
        try:
            moved = trial(laboratory, table)
        except Exception as error:
            error.add_note(str(table))
            raise
        assert moved > 0, table


def trial(laboratory: Laboratory, table: RandomTable) -> int:
    """Load, change, load; returns how many rows the second load moved. Fails when a value differs."""
    chance = random.Random(table.seed + 1)
    database = laboratory.database
    quote = database.quote
    key = ", ".join(quote(column.name) for column in table.key)
    listed = ", ".join(quote(column.name) for column in table.all_columns)
    body = [
        f"{quote(column.name)} {column.case.column_ddl}{'' if column.nullable else ' NOT NULL'}"
        for column in table.all_columns
    ]
    database.create(table.name, body, key=key or "id")

    def insert(first: int, last: int) -> None:
        for number in range(first, last):
            values = ", ".join(table.row(number, chance))
            moment = f"'2024-0{1 if first == 0 else 2}-01 00:00:{number % 60:02}'"
            database.run(
                f"INSERT INTO {quote(table.name)} (id, changed_at, {listed}) VALUES ({number}, {moment}, {values})"
            )

    def load() -> int:
        columns = [
            {
                "name": column.name,
                "type": column.case.type,
                "nullable": column.nullable,
                "primary_key": column in table.key,
                **({"clickhouse_type": column.case.clickhouse_type} if column.case.clickhouse_type else {}),
            }
            for column in table.all_columns
        ]
        place = f"random_{database.dialect}_{table.seed}"
        result = laboratory.load(
            table.name, columns, mode=table.mode, arrives_in=place, chunk_rows=chance.choice((None, 3, 10))
        )
        named = [(column.name, column.case) for column in table.all_columns]
        wrong = laboratory.compare(table.name, place, named, final=bool(table.key))
        assert [each for each in wrong if each] == []
        return result.moved.rows

    insert(0, table.rows)
    assert load() == table.rows
    insert(table.rows, table.rows + chance.randint(1, table.rows))
    if table.mode != "append":
        for number in chance.sample(range(table.rows), chance.randint(0, table.rows)):
            changes = zip(table.columns, table.values(chance), strict=True)
            assigned = ", ".join(f"{quote(column.name)} = {value}" for column, value in changes)
            moment = f"'2024-03-01 00:00:{number % 60:02}'"
            database.run(
                f"UPDATE {quote(table.name)} SET changed_at = {moment}, {assigned} WHERE id = {number}"
            )
    if table.mode == "full":
        database.run(f"DELETE FROM {quote(table.name)} WHERE id % 9 = 4")
    return load()
