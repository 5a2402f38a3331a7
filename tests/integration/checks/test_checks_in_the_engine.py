"""Every kind of check, as a table file declares it, against rows in the real engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dagster_pipeline.checks.question import Outcome
from dagster_pipeline.checks.questions import Subject
from dagster_pipeline.checks.run import run_check
from dagster_pipeline.connectors.batch import Batch, WireColumn, WireFormat
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable, WriteRequest
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.clickhouse.reader_view import NewRows
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema import personal_data
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.schema.models import TableCheck, TableSchema
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

COLUMNS = """
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: email, type: text, nullable: true, mask: sha256}
  - {name: status, type: text, nullable: true}
  - {name: amount, type: "numeric(10,2)", nullable: true}
  - {name: ratio, type: double precision, nullable: true}
  - {name: parent, type: bigint, nullable: true}
  - {name: changed, type: timestamp with time zone}
"""
LONG_AGO = "2001-02-03 04:05:06"
# id, email, status, amount, ratio, parent, changed
ROWS = [
    (1, "a" * 64, "open", "1.50", "0.5", None, LONG_AGO),
    (2, "b" * 64, "closed", "2.50", "nan", 1, LONG_AGO),
    (3, None, "alice@example.com", "-3.25", None, 99, LONG_AGO),
    (4, "b" * 64, None, None, "7", 98, "2001-02-03 04:05:07"),
]


class Shop:
    """A warehouse with `shop.orders`, and a way to check it."""

    def __init__(self, sink: ClickHouseSink, root: Path) -> None:
        self.sink = sink
        self._root = root

    def schema(self, *checks: str, sync: str = "{cursor: changed}") -> TableSchema:
        file = self._root / "postgres/shop/orders.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        listed = "".join(f"  - {check}\n" for check in checks)
        file.write_text(f"version: 1\nsync: {sync}{COLUMNS}checks:\n{listed}")
        (schema,) = SchemaLoader(self._root, judges=(TypeMapper().problems,)).load()
        return schema

    def table(self) -> SinkTable:
        schema = self.schema("unique: [id]")
        return sink_table(schema, TypeMapper().map(schema))

    def write(self, rows: list[tuple[object, ...]], *, version: int = 1, name: str = "orders") -> None:
        table = replace(self.table(), name=name)
        self.sink.ensure_table(table)
        lines = "".join("\t".join("\\N" if v is None else str(v) for v in row) + "\n" for row in rows)
        columns = tuple(WireColumn(column.name, column.type) for column in table.columns)
        request = WriteRequest(table, columns, WireFormat.TAB_SEPARATED, version, token="")
        self.sink.write(request, [Batch(lines.encode(), len(rows))])

    def declared(self, check: str) -> TableCheck:
        """The check of the file; masked columns bring one of their own."""
        (declared,) = (each for each in self.schema(check).checks if each.name != personal_data.CHECK_NAME)
        return declared

    def outcome(self, check: str, **subject: object) -> Outcome:
        masked = {column.name for column in self.schema(check).columns if column.mask}
        return run_check(
            self.declared(check), Subject(self.table(), **subject), self.sink.rows, masked=masked
        )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSink]:
    url = DatabaseUrl.parse(
        f"chdb://{tmp_path_factory.mktemp('w')}", variable="CLICKHOUSE_URL", schemes=("chdb",)
    )
    with ClickHouseSink(url) as sink:
        yield sink


@pytest.fixture
def shop(warehouse: ClickHouseSink, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(warehouse, tmp_path)
    shop.write(ROWS)
    yield shop
    warehouse.drop("shop", "orders")


# check, failed rows, samples as (id, value)
JUDGED: dict[str, tuple[str, int | None, list[tuple[str, ...]]]] = {
    "not null holds": ("not_null: [id, changed]", 0, []),
    "not null": ("not_null: [status, amount]", 1, [("4", "NULL", "NULL")]),
    "not null of a masked column": ("not_null: [email]", 1, [("3", "NULL")]),
    "unique holds": ("unique: [id]", 0, []),
    "unique, NULL aside": ("unique: [status]", 0, []),
    "unique, masked": ("unique: [email]", 1, [("masked", "2")]),
    "unique of several": ("unique: [email, status]", 0, []),
    "accepted": ("accepted_values: {column: status, values: [open, closed]}", 1, [("3", "'al…' (17 characters)")]),
    "accepted numbers": ("accepted_values: {column: id, values: [1, 2, 3, 4]}", 0, []),
    "between holds": ("between: {column: amount, min: -3.25, max: 2.5}", 0, []),
    "between, least": ("between: {column: amount, min: 0}", 1, [("3", "-3.25")]),
    "between, greatest": ("between: {column: amount, max: 2}", 1, [("2", "2.5")]),
    "between finds NaN": ("between: {column: ratio, min: 0, max: 7}", 1, [("2", "nan")]),
    "between times": (
        'between: {column: changed, max: "2001-02-03 04:05:06"}',
        1,
        [("4", "2001-02-03 04:05:07.000000")],
    ),
    "regex holds": ("regex: {column: status, pattern: '^(open|closed|.*@.*)$'}", 0, []),
    "regex": ("regex: {column: status, pattern: ^o}", 2, [("2", "'cl…' (6 characters)"), ("3", "'al…' (17 characters)")]),
    "relationship": ("relationship: {column: parent, to: shop/orders}", 2, [("3", "99"), ("4", "98")]),
    "sql": ("sql: {name: x, query: 'SELECT countIf(amount < 0) FROM {table} -- negative'}", 1, []),
    "sql with an expectation": ("sql: {name: x, query: 'SELECT sum(amount) FROM {table};', expect: 0.75}", None, []),
}  # fmt: skip


@pytest.mark.parametrize("name", JUDGED)
def test_a_check_counts_the_rows_at_fault_and_shows_some(shop: Shop, name: str) -> None:
    check, failed, samples = JUDGED[name]
    outcome = shop.outcome(check)
    assert not outcome.query_failed, outcome.verdict.says
    assert (outcome.verdict.failed_rows, outcome.verdict.passed) == (failed, not failed)
    assert sorted(outcome.samples) == samples


ALL_TEXT = "accepted_values: {column: status, values: [nothing]}"


def test_no_sample_holds_a_text_or_a_masked_value(shop: Shop) -> None:
    texts = [
        shop.outcome(check)
        for check in (ALL_TEXT, "unique: [email]", "sql: {name: x, query: 'SELECT max(status) FROM {table}'}")
    ]
    said = " ".join(str((outcome.samples, outcome.verdict.says)) for outcome in texts)
    assert "alice" not in said
    assert "closed" not in said
    assert "bbb" not in said


@pytest.mark.parametrize(
    ("check", "before", "passed"),
    [
        ("row_count: {min: 4, max: 4}", None, True),
        ("row_count: {min: 5}", None, False),
        ("row_count: {max: 3}", None, False),
        ("row_count: {change: 20%}", None, True),
        ("row_count: {change: 20%}", 5, True),
        ("row_count: {change: 20%}", 6, False),
        ("row_count: {change: 20%}", 3, False),
        ("row_count: {change: 20%}", 0, False),
        ("row_count: {change: 50%, min: 9}", 4, False),
    ],
)
def test_rows_are_counted_and_compared_with_the_load_before(
    shop: Shop, check: str, before: int | None, passed: bool
) -> None:
    assert shop.outcome(check, rows_before=before).verdict.passed is passed


def test_freshness_is_the_age_of_the_newest_value(shop: Shop) -> None:
    stale = shop.outcome("freshness: {column: changed, within: 2h}")
    assert not stale.verdict.passed
    assert "2001-02-03 04:05:07 UTC" in stale.verdict.says
    ((now,),) = shop.sink.rows("SELECT toString(now('UTC') - 7000)")
    shop.write([(5, None, None, None, None, None, now)], version=2)
    assert shop.outcome("freshness: {column: changed, within: 2h}").verdict.passed
    assert not shop.outcome("freshness: {column: changed, within: 1h}").verdict.passed


def test_an_empty_table_is_not_fresh(shop: Shop) -> None:
    shop.sink.truncate(shop.table())
    assert (
        shop.outcome("freshness: {column: changed, within: 2h}").verdict.says
        == "there is no value in changed"
    )


def test_a_check_sees_what_a_reader_sees(shop: Shop) -> None:
    """The corrected row counts, the one that it replaced does not."""
    shop.write([(3, None, "open", "3.25", None, 1, LONG_AGO)], version=2)
    assert shop.outcome("between: {column: amount, min: 0}").verdict.passed
    assert shop.outcome("sql: {name: x, query: 'SELECT count() FROM {table}', expect: 4}").verdict.passed


def test_rows_that_are_marked_as_deleted_are_not_checked(shop: Shop) -> None:
    table = replace(shop.table(), name="marked", tracks_deletes=True, hides_deleted=False)
    shop.sink.drop("shop", "marked")
    shop.sink.ensure_table(table)
    shop.sink.run(
        "INSERT INTO shop.marked (id, _version, _deleted) VALUES (1, 1, 1), (2, 1, 0)", doing="Writing"
    )
    for check in (
        "row_count: {min: 1, max: 1}",
        "sql: {name: x, query: 'SELECT sum(id) FROM {table}', expect: 2}",
    ):
        declared = shop.declared(check)
        assert run_check(declared, Subject(table), shop.sink.rows, masked=()).verdict.passed


# What only the new rows show: one has no status, one repeats an old email, one names a parent that is not there.
NEW = [
    (2, "c" * 64, None, "2.50", None, 4, LONG_AGO),
    (5, "a" * 64, "open", "9.00", None, 97, LONG_AGO),
]
WINDOWED: dict[str, tuple[str, int]] = {
    "not null": ("not_null: {columns: [status], window: new}", 1),
    "unique against the whole table": ("unique: {columns: [email], window: new}", 1),
    "accepted": ("accepted_values: {column: status, values: [x], window: new}", 1),
    "between": ("between: {column: amount, max: 5, window: new}", 1),
    "regex": ("regex: {column: status, pattern: x, window: new}", 1),
    "relationship": ("relationship: {column: parent, to: shop/orders, window: new}", 1),
    "sql": ("sql: {name: x, query: 'SELECT count() FROM {table}', window: new}", 2),
}


@pytest.mark.parametrize("name", WINDOWED)
def test_a_window_of_new_rows_leaves_old_faults_alone(shop: Shop, name: str) -> None:
    check, failed = WINDOWED[name]
    shop.write(NEW, version=2)
    assert shop.outcome(check, new=NewRows(2, 60)).verdict.failed_rows == failed
    nothing_new = shop.outcome(check, new=NewRows(0, 60)).verdict
    assert (nothing_new.failed_rows, nothing_new.passed) == (0, True)


def test_new_rows_are_found_after_parts_were_merged(shop: Shop) -> None:
    shop.write(NEW, version=2)
    shop.sink.run("OPTIMIZE TABLE shop.orders FINAL", doing="Merging")
    assert (
        shop.outcome("not_null: {columns: [status], window: new}", new=NewRows(2, 60)).verdict.failed_rows
        == 1
    )


def rows_read(sink: ClickHouseSink, ask: Callable[[], object]) -> int:
    """Rows that the engine took from parts while `ask` ran, by its own counter."""

    def read() -> int:
        return int(sink.rows("SELECT value FROM system.events WHERE event = 'SelectedRows'")[0][0])

    before = read()
    ask()
    return read() - before


def seconds_since_the_last_part(sink: ClickHouseSink) -> int:
    ((seconds,),) = sink.rows(
        "SELECT dateDiff('second', max(modification_time), now()) FROM system.parts WHERE table = 'orders'"
    )
    return int(seconds)


def test_a_window_of_new_rows_does_not_read_a_large_table_again(shop: Shop) -> None:
    old_rows = 200_000
    shop.sink.run("SYSTEM STOP MERGES shop.orders", doing="Keeping the parts apart")
    shop.sink.run(
        f"INSERT INTO shop.orders (id, changed, _version) SELECT number + 100, '{LONG_AGO}', 1 FROM numbers({old_rows})",
        doing="Filling",
    )
    deadline = time.monotonic() + 60
    while seconds_since_the_last_part(shop.sink) < 3 and time.monotonic() < deadline:
        time.sleep(0.2)
    shop.write(NEW, version=2)
    new = NewRows(2, seconds_since_the_last_part(shop.sink) + 1)
    for check in (
        "not_null: {columns: [status], window: new}",
        "sql: {name: x, query: 'SELECT count() FROM {table} WHERE status IS NULL', window: new}",
    ):
        assert shop.outcome(check, new=new).verdict.failed_rows == 1
        assert rows_read(shop.sink, partial(shop.outcome, check, new=new)) < 5_000
    assert rows_read(shop.sink, partial(shop.outcome, "not_null: [status]")) > old_rows


def test_a_query_that_fails_is_an_outcome_with_the_words_of_the_engine(shop: Shop) -> None:
    outcome = shop.outcome("regex: {column: status, pattern: '(open'}")
    assert outcome.query_failed
    assert not outcome.verdict.passed
    assert "CANNOT_COMPILE_REGEXP" in outcome.verdict.says
    outcome = shop.outcome("sql: {name: x, query: 'SELECT count() FROM shop.nowhere'}")
    assert "UNKNOWN_TABLE" in outcome.verdict.says
    outcome = shop.outcome("sql: {name: x, query: 'SELECT id FROM {table} WHERE id > 100'}")
    assert "gave no row" in outcome.verdict.says
