"""Every key of a table file, used wrongly in the ways that newcomers do: each mistake is named with its line and a cure.

The keys are taken from the JSON Schema, so a key that is added is tried here by itself.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from dagster_pipeline.errors import Problem, SchemaFilesError
from dagster_pipeline.schema import json_schema
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

FULL: dict[str, Any] = yaml.safe_load("""
version: 1
description: Orders.
owners: ["team:data"]
tags: {domain: billing}
group: shop
enabled: true
source: {connection: shop, schema: public, table: orders, where: "id > 0"}
destination:
  database: shop
  table: orders
  engine: ReplacingMergeTree
  order_by: [created_at, id]
  partition_by: toYYYYMM(created_at)
  ttl: created_at + INTERVAL 3 YEAR
  settings: {index_granularity: 8192}
sync: {mode: incremental, cursor: updated_at, lookback: 10m, null_cursor: include, deletes: ignore, on_drift: add,
       out_of_range: fail, chunk_rows: 500000, parallelism: 2}
schedule: {cron: "*/15 * * * *", timezone: UTC}
freshness: 30m
retries: {max: 3, delay: 30s, backoff: exponential, jitter: true}
columns:
  - {name: id, type: bigint, primary_key: true, description: Number.}
  - {name: email, type: character varying(255), nullable: true, mask: sha256}
  - {name: balance, type: "numeric(20,4)", clickhouse_type: "Decimal(20, 4)"}
  - {name: created_at, type: timestamp without time zone, immutable: true}
  - {name: updated_at, type: timestamp without time zone, nullable: true}
checks:
  - not_null: [id]
  - unique: [id]
  - accepted_values: {column: balance, values: [1, 2], severity: warn}
  - row_count: {min: 1}
  - sql: {name: none, query: "SELECT count() FROM {table}", expect: 0}
""")

Path_ = tuple[str | int, ...]


def keys(node: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Every key that the file has, at any depth."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in items:
        if isinstance(name, str):
            yield (*path, name)
        yield from keys(value, (*path, name))


KEYS = [
    path
    for path in keys(FULL)
    if (path[:1] != ("tags",) and path[-1] != "index_granularity") or len(path) == 1
]


def changed(path: Path_, **how: Any) -> dict[str, Any]:
    """The file with one key's value replaced, or the key renamed."""
    file = copy.deepcopy(FULL)
    *above, last = path
    node: Any = file
    for step in above:
        node = node[step]
    if "value" in how:
        node[last] = how["value"]
    else:
        node[how["name"]] = node.pop(last)
    return file


def problems(tree: Any, file: dict[str, Any]) -> list[Problem]:
    path = tree.write("postgres/shop/orders.yml", yaml.safe_dump(file, sort_keys=False))
    try:
        SchemaLoader(tree.root, judges=(TypeMapper().problems,)).load()
    except SchemaFilesError as error:
        return [each for each in error.problems if each.path.endswith(path.name)]
    return []


def named(path: Path_) -> str:
    return ".".join(map(str, path))


def test_the_file_without_a_mistake_is_valid(tree: Any) -> None:
    assert problems(tree, FULL) == []


def test_every_key_of_the_sections_that_stand_alone_is_tried() -> None:
    """Sections that need another file or column around them (`partitions`, `trigger`, ...) have tests of their own."""
    schema = json.loads(json_schema.rendered("table"))["$defs"]
    tried = {path[-1] for path in KEYS}
    for section in ("SourceSection", "Retries", "Schedule"):
        assert set(schema[section]["properties"]) <= tried


@pytest.mark.parametrize("path", KEYS, ids=named)
def test_a_misspelt_key_is_named_with_its_line_and_what_was_meant(tree: Any, path: Path_) -> None:
    name = str(path[-1])
    wrong = name[:-2] + name[-1] + name[-2] if name[-1] != name[-2] else name + "x"
    found = problems(tree, changed(path, name=wrong))
    about = [each for each in found if f"`{wrong}`" in each.what]
    assert about, found
    assert about[0].line > 0
    assert name in about[0].todo or name in about[0].what, about[0]


WRONG_VALUES = [[["a"]], {"nested": {"deep": 1}}, None, "no such thing at all", -5, True]


@pytest.mark.parametrize("path", KEYS, ids=named)
def test_a_value_of_another_kind_is_accepted_or_named_with_its_line_and_a_cure(
    tree: Any, path: Path_
) -> None:
    refused = 0
    for value in WRONG_VALUES:
        for problem in problems(tree, changed(path, value=value)):
            refused += 1
            assert problem.line > 0, problem
            assert problem.what, problem
            assert problem.todo, problem
    assert refused


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("version",), 2, "Write version: 1."),
        (("owners",), ["data team"], "team:"),
        (("sync", "mode"), "incremntal", "incremental"),
        (("sync", "cursor"), "updatedat", "Did you mean 'updated_at'?"),
        (("sync", "lookback"), "10 minutes", "10m"),
        (("sync", "out_of_range"), None, 'Write "null" in quotes'),
        (("sync", "deletes"), "hide", "mirror"),
        (("schedule",), "every 15 minutes", "*/15 * * * *"),
        (("schedule", "timezone"), "Berlin", "Europe/Berlin"),
        (("freshness",), "30 min", "10m"),
        (("destination", "engine"), "ReplacingMergetree", "ReplacingMergeTree"),
        (("destination", "order_by"), ["created_at"], "order_by: [created_at, id]"),
        (("destination", "partition_by"), "toYYYYMM(updated_at)", "immutable: true"),
        (("columns", 0, "type"), "bigitn", "bigint"),
        (("columns", 1, "mask"), "md5", "sha256"),
        (("columns", 0, "nullable"), True, "a key cannot be NULL"),
        (("columns", 2, "clickhouse_type"), "Decimal 20,4", "as ClickHouse prints it"),
        (("checks", 0, "not_null"), ["idd"], "Did you mean 'id'?"),
        (("retries", "backoff"), "exponental", "exponential"),
    ],
    ids=lambda value: named(value) if isinstance(value, tuple) else "",
)
def test_a_likely_mistake_gets_its_own_cure(tree: Any, path: Path_, value: Any, says: str) -> None:
    found = problems(tree, changed(path, value=value))
    assert found
    assert all(each.line > 0 for each in found)
    assert any(says in f"{each.what} {each.todo}" and each.todo for each in found), found
