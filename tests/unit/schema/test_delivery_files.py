"""Files below `schemas/s3/` and `schemas/apis/`: what they mean, and what is wrong with them, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_pipeline.delivery_tree import (
    clashes,
    read_api_files,
    read_clickhouse_files,
    read_s3_files,
    relationships,
)
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.schema.s3_models import ChangedObjects

GOOD = """version: 1
source: {connection: lake, format: parquet}
destination: {database: lake}
columns:
  - {name: id, type: Int64}
"""


def said(root: Path, text: str, name: str = "events") -> list[str]:
    (root / "s3").mkdir(exist_ok=True)
    (root / "s3" / f"{name}.yml").write_text(text)
    return [f"{problem.line}: {problem.what} {problem.todo}" for problem in read_s3_files(root).problems]


def test_a_short_file_means_an_append_table_of_its_own_name(tmp_path):
    assert said(tmp_path, GOOD) == []
    (file,) = read_s3_files(tmp_path).files
    assert (file.name, file.value.engine, file.value.changed) == ("events", "MergeTree", ChangedObjects.FAIL)


def test_with_a_key_replaced_objects_are_loaded(tmp_path):
    assert said(tmp_path, GOOD.replace("Int64}", "Int64, primary_key: true}")) == []
    (file,) = read_s3_files(tmp_path).files
    assert (file.value.engine, file.value.changed) == ("ReplacingMergeTree", ChangedObjects.LOAD)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Int64", "Int46", "5: .*Int46 is not a ClickHouse type.*did you mean Int64"),
        ("Int64", "Nullable(Int64)", "5: .*write the type inside, and nullable: true"),
        ("Int64", "Int128", "5: .*Int128, which no file format holds"),
        ("Int64", "Array(UUID)", r"5: .*write Array\(String\)"),
        ("Int64}", "Int64, primary_key: true, nullable: true}", "5: .*a key has a value in every row"),
        ("Int64}", "Int64}\n  - {name: id, type: Int8}", "5: .*as another column is"),
        ("name: id", "name: _version", "5: .*a column of ours"),
        ("database: lake", "database: la ke", "3: .*which Dagster does not take"),
        ("database: lake", "database: lake, engine: ReplacingMergeTree", "3: .*which rows are the same"),
        ("format: parquet", "format: parquet, changed: load", "2: .*would be there twice"),
        ("format: parquet", "format: parquet, max_rejects: 3", "2: .*only concerns csv"),
        ("format: parquet", "format: csv, read_by: warehouse", "2: .*Let the pipeline read it"),
        ("format: parquet", "format: paquet", "2: .*'parquet'"),
        ("format: parquet", "format: parquet, prefx: a", "2: .*Did you mean 'prefix'"),
    ],
)
def test_a_wrong_file_says_where_and_what_to_do(tmp_path, old, new, expected):
    import re

    found = said(tmp_path, GOOD.replace(old, new))
    assert any(re.search(expected, line) for line in found), found


def test_a_table_that_another_file_makes_is_named(tmp_path):
    (tmp_path / "mysql" / "lake").mkdir(parents=True)
    (tmp_path / "mysql" / "lake" / "events.yml").write_text(
        "version: 1\ncolumns:\n  - {name: id, type: int}\n"
    )
    said(tmp_path, GOOD)
    said(tmp_path, GOOD.replace("database: lake", "database: lake, table: events"), name="other")
    problems = list(clashes(read_s3_files(tmp_path).files, SchemaLoader(tmp_path).load()))
    assert [Path(problem.path).name for problem in problems] == ["events.yml", "other.yml"]
    assert all("lake.events, which" in problem.what for problem in problems)


API = """version: 1
source:
  connection: shop
  incremental: {parameter: since, column: at}
destination: {database: shop}
columns:
  - {name: id, type: Int64, primary_key: true}
  - {name: at, type: "DateTime64(3, 'UTC')"}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", ""),
        (", primary_key: true", "", "4: `source.incremental` needs a primary key"),
        ("column: at", "column: aat", "4: .*Did you mean 'at'"),
        ("\"DateTime64(3, 'UTC')\"", "String", "4: .*is a String"),
        ("column: at}", "column: id, lookback: 1m}", "4: .*only goes with dates and times"),
        (
            "connection: shop",
            "connection: shop\n  pages: {by: pages}",
            "4: .source.pages.by. is 'pages'.*'cursor'",
        ),
        ("connection: shop", "connection: shop\n  auth: {by: header}", "4: .*name"),
    ],
)
def test_a_wrong_api_file_says_where_and_what_to_do(tmp_path, old, new, expected):
    import re

    (tmp_path / "apis").mkdir()
    (tmp_path / "apis" / "orders.yml").write_text(API.replace(old, new, 1))
    read = read_api_files(tmp_path)
    found = [f"{problem.line}: {problem.what} {problem.todo}" for problem in read.problems]
    assert any(re.search(expected, line) for line in found) if expected else not found, found


@pytest.mark.parametrize(
    "source", ["{connection: other}", "{connection: other, table: a.b, query: SELECT 1}"]
)
def test_a_copy_names_either_a_query_or_a_table(tmp_path, source):
    (tmp_path / "clickhouse").mkdir()
    text = GOOD.replace("{connection: lake, format: parquet}", source)
    (tmp_path / "clickhouse" / "t.yml").write_text(text)
    (problem,) = read_clickhouse_files(tmp_path).problems
    assert (problem.line, problem.what) == (2, "`source` must name either a query or a table.")


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ("- not_null: [id]", []),
        ("- not_nul: [id]", ["Did you mean 'not_null'"]),
        (
            "- not_null: [idd]",
            ["check not_null names 'idd', which is no column of this file. Did you mean 'id'"],
        ),
        ("- not_null: [id]\n  - not_null: [id]", ["A check named 'not_null_id' exists already, on line 7"]),
        ("- freshness: {column: id, within: 2h}", ["needs a date or a time; 'id' is Int64"]),
        ("- sql: {name: s, query: 'SELECT count() FROM {table} WHERE nope'}", ["nope"]),
        ("- relationship: {column: id, to: shop/order}", ["which no file brings into the warehouse"]),
    ],
    ids=[
        "good",
        "unknown kind",
        "unknown column",
        "twice",
        "no time",
        "unknown column in a query",
        "no such table",
    ],
)
def test_checks_are_judged_as_those_of_tables(tmp_path, checks, expected):
    (tmp_path / "s3").mkdir()
    (tmp_path / "s3" / "events.yml").write_text(f"{GOOD}checks:\n  {checks}\n")
    read = read_s3_files(tmp_path)
    problems = [*read.problems, *relationships(read.files, ())]
    found = [f"{problem.line}: {problem.what} {problem.todo}" for problem in problems]
    assert len(found) == len(expected)
    for line, word in zip(found, expected, strict=True):
        assert word in line
        assert int(line.partition(":")[0]) >= 7


def test_new_rows_mean_nothing_where_each_run_brings_all(tmp_path):
    (tmp_path / "clickhouse").mkdir()
    (tmp_path / "clickhouse" / "c.yml").write_text(
        "version: 1\nsource: {connection: other, table: a.b}\ndestination: {database: d}\n"
        "columns: [{name: id, type: Int64}]\nchecks: [not_null: {columns: [id], window: new}]\n"
    )
    (problem,) = read_clickhouse_files(tmp_path).problems
    assert (problem.line, "`window: new` means nothing here" in problem.what) == (5, True)


def test_a_relationship_may_name_another_delivery(tmp_path):
    (tmp_path / "s3").mkdir()
    (tmp_path / "s3" / "events.yml").write_text(
        f"{GOOD}checks: [relationship: {{column: id, to: lake/others, field: key}}]\n"
    )
    (tmp_path / "s3" / "others.yml").write_text(GOOD.replace("name: id", "name: key"))
    read = read_s3_files(tmp_path)
    assert [*read.problems, *relationships(read.files, ())] == []
