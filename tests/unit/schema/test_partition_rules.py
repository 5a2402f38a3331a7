"""`partitions:` in a table file: what is right, and every mistake on its line with a cure."""

from __future__ import annotations

import pytest

from dagster_pipeline.schema.partition_cut import Replacing, needs_tombstones, replacing

COLUMNS = """
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: region, type: varchar(9), immutable: true}
  - {name: shop, type: int, immutable: true}
  - {name: email, type: varchar(99), immutable: true, mask: sha256}
  - {name: kind, type: varchar(9), immutable: true, clickhouse_type: LowCardinality(String)}
  - {name: maybe, type: date, nullable: true, immutable: true}
  - {name: price, type: "decimal(10,2)", immutable: true}
  - {name: born, type: date, immutable: true}
  - {name: created_at, type: datetime, immutable: true}
  - {name: updated_at, type: datetime}
"""
START = 'start: "2024-01-01"'

MISTAKES = {
    "both ways": (f"{{by: created_at, every: day, {START}, values: [eu]}}", "either `every` or `values`", ""),
    "neither way": ("{by: region}", "either `every` or `values`", ""),
    "no start": ("{by: created_at, every: day}", "needs `start`", "2024-01-31"),
    "bad start": ("{by: created_at, every: day, start: 2024-13-01}", "no date", ""),
    "start that is a word": ("{by: created_at, every: day, start: soon}", "no date", ""),
    "start before ClickHouse's times": (
        '{by: created_at, every: day, start: "1899-01-01"}',
        "1900 to 2299",
        "",
    ),
    "start in a month": (
        '{by: created_at, every: month, start: "2024-01-15"}',
        "middle of a month",
        '"2024-01-01"',
    ),
    "start in a week": (
        '{by: created_at, every: week, start: "2024-01-03"}',
        "begins on Monday",
        '"2024-01-01"',
    ),
    "start by values": (f"{{by: region, values: [eu], {START}}}", "has no `start`", "Remove"),
    "misspelt every": (f"{{by: created_at, every: dayly, {START}}}", "hour, day, week and month", "'day'"),
    "unknown key": (f"{{by: created_at, evry: day, {START}}}", "`evry` is not a key", "'every'"),
    "unknown column": ("{by: regoin, values: [eu]}", "no column of this file", "'region'"),
    "nullable column": (f"{{by: maybe, every: day, {START}}}", "is nullable", "never NULL"),
    "masked column": ("{by: email, values: [x]}", "has `mask: sha256`", "not masked"),
    "column with a type of its own": ("{by: kind, values: [x]}", "`clickhouse_type` of its own", "Remove"),
    "mutable column": (
        f"{{by: updated_at, every: day, {START}}}",
        "may change at the source",
        "immutable: true",
    ),
    "no time": (f"{{by: region, every: day, {START}}}", "no date or time", ""),
    "hours of a date": (f"{{by: born, every: hour, {START}}}", "has no hours", "day or longer"),
    "values of a decimal": ('{by: price, values: ["1.00"]}', "no values to list", "integer"),
    "number for a value": ("{by: region, values: [1]}", "must be text", '"1"'),
    "text for an integer": ('{by: shop, values: ["one"]}', "no value of 'shop'", "whole numbers"),
    "value twice": ("{by: region, values: [eu, eu]}", "listed twice", ""),
    "value that is no key": ("{by: region, values: ['a...b']}", "cannot be the name of a partition", ""),
    "no map": ("day", "must be a map", ""),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_found_on_its_line_with_a_cure(tree, case):
    text, what, todo = MISTAKES[case]
    tree.write("mysql/shop/orders.yml", f"version: 1\npartitions: {text}\n{COLUMNS.strip()}\n")
    (problem,) = tree.problems()
    assert what in problem.what
    assert todo in problem.todo
    assert problem.line == 2


@pytest.mark.parametrize(
    ("cut", "partitions", "what"),
    [
        (
            "toYYYYMM(created_at)",
            f"{{by: created_at, every: week, {START}}}",
            "could not be replaced at once",
        ),
        (
            "toYYYYMM(created_at) % 7",
            f"{{by: created_at, every: day, {START}}}",
            "could not be replaced at once",
        ),
        ("region", f"{{by: created_at, every: day, {START}}}", "could not be replaced at once"),
        ("shop", "{by: region, values: [eu]}", "could not be replaced at once"),
        (
            "toDate(created_at)",
            '{by: created_at, every: day, start: "1950-01-01"}',
            "knows no time before 1970",
        ),
    ],
)
def test_a_cut_of_the_warehouse_that_does_not_fit_is_refused(tree, cut, partitions, what):
    text = (
        f'version: 1\npartitions: {partitions}\ndestination: {{partition_by: "{cut}"}}\n{COLUMNS.strip()}\n'
    )
    tree.write("mysql/shop/orders.yml", text)
    (problem,) = tree.problems()
    assert what in problem.what
    assert problem.line == (2 if "1970" in what else 3)
    assert problem.todo


@pytest.mark.parametrize(
    ("destination", "partitions", "expected"),
    [
        (
            "partition_by: toYYYYMMDD(created_at)",
            f"{{by: created_at, every: day, {START}}}",
            Replacing.EXCHANGE,
        ),
        ("partition_by: toYYYYMM(created_at)", f"{{by: created_at, every: day, {START}}}", Replacing.OVERLAY),
        ("order_by: [id]", f"{{by: created_at, every: hour, {START}}}", Replacing.OVERLAY),
        ("engine: MergeTree", f"{{by: created_at, every: day, {START}}}", Replacing.REBUILD),
        ("partition_by: born", f"{{by: born, every: day, {START}}}", Replacing.EXCHANGE),
        ("partition_by: region", "{by: region, values: [eu, us]}", Replacing.EXCHANGE),
        ("order_by: [id]", '{by: shop, values: ["1", "2"]}', Replacing.OVERLAY),
    ],
)
def test_how_partitions_are_replaced_follows_from_the_file(tree, destination, partitions, expected):
    text = f"version: 1\npartitions: {partitions}\ndestination: {{{destination}}}\n{COLUMNS.strip()}\n"
    tree.write("mysql/shop/orders.yml", text)
    (table,) = tree.load()
    assert replacing(table) is expected
    assert needs_tombstones(table) == (expected is Replacing.OVERLAY)
