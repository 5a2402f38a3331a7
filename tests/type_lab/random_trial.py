"""One random table: written at the source, loaded, changed, loaded again, compared each time by the servers' own texts."""

from __future__ import annotations

import random

from tests.type_lab.laboratory import Laboratory
from tests.type_lab.random_tables import RandomTable


def trial(laboratory: Laboratory, table: RandomTable) -> int:
    """Load, change, load; returns how many rows the second load moved. An error names the table and its seed.

    Raises `AssertionError` when a value or a row differs.
    """
    try:
        return _trial(laboratory, table)
    except Exception as error:
        error.add_note(str(table))
        raise


def _trial(laboratory: Laboratory, table: RandomTable) -> int:
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
        wrong = [each for each in laboratory.compare(table.name, place, named, final=bool(table.key)) if each]
        if wrong:
            raise AssertionError(f"{wrong}")
        return result.moved.rows

    insert(0, table.rows)
    if load() != table.rows:
        raise AssertionError("the first load moved another number of rows than there are")
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
