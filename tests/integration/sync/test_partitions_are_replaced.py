"""A run of some partitions loads exactly their rows and replaces exactly them, however the warehouse is cut."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.config import SyncConfig
from dagster_pipeline.sync.engine import TableSync
from dagster_pipeline.sync.partition_slice import partition_slice
from dagster_pipeline.sync.result import SyncResult
from scripts.servers.clickhouse_http import running_front
from tests.integration.sync.partitioned_tables import DAYS, REGIONS, SHAPES, Shop, arrived

_numbers = itertools.count(1)


CASES = [
    *(("postgres", "embedded", shape) for shape in SHAPES),
    ("mysql", "http", "day in a month"),
    ("mysql", "http", "value in one, no key"),
]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSink]:
    with ClickHouseSink(parse(f"chdb://{tmp_path_factory.mktemp('warehouse')}")) as opened:
        yield opened


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSink]:
    with (
        running_front(tmp_path_factory.mktemp("warehouse"), password="s3cret") as front,
        ClickHouseSink(parse(front.url)) as opened,
    ):
        yield opened


@pytest.fixture
def open_shop(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Shop]:
    def opened(dialect: str) -> Shop:
        server: Any = request.getfixturevalue(
            "postgres_server" if dialect == "postgres" else "mariadb_server"
        )
        shop = Shop(dialect, server.create_database("shop"), tmp_path, f"parts_{next(_numbers)}")
        shop.fill()
        return shop

    return opened


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateManager]:
    opened = StateManager(parse(f"sqlite:///{tmp_path}/state.sqlite"))
    yield opened
    opened.close()


def parse(text: str) -> DatabaseUrl:
    return DatabaseUrl.parse(text, variable="URL", schemes=())


def load(
    shop: Shop, schema: TableSchema, sink: ClickHouseSink, state: StateManager, *keys: str, **config: bool
) -> SyncResult:
    with shop.open(schema) as source:
        return TableSync(
            schema,
            source=source,
            sink=sink,
            state=state,
            run_id=f"run{next(_numbers)}",
            part=partition_slice(schema, keys),
            config=SyncConfig(**config),
        ).run()


@pytest.mark.parametrize(("dialect", "warehouse", "shape"), CASES)
def test_exactly_the_rows_of_a_partition_arrive_and_exactly_they_are_replaced(
    dialect: str,
    warehouse: str,
    shape: str,
    open_shop: Callable[[str], Shop],
    state: StateManager,
    request: pytest.FixtureRequest,
) -> None:
    sink: ClickHouseSink = request.getfixturevalue(warehouse)
    shop = open_shop(dialect)
    schema = shop.write_file(shape)
    everything = DAYS if schema.partitions and schema.partitions.every else REGIONS
    first, *others = everything
    result = load(shop, schema, sink, state, *everything)
    assert arrived(sink, schema) == shop.rows(shop.where(everything))
    outside = len(shop.rows()) - len(shop.rows(shop.where(everything)))
    assert result.rows_in_no_partition == outside > 0

    kept = shop.rows(shop.where(others))
    shop.execute(
        "UPDATE orders SET note = 'changed' WHERE id % 7 = 0",
        "DELETE FROM orders WHERE id % 5 = 0",
        "INSERT INTO orders SELECT id + 100000, region, 'new', at FROM orders WHERE id % 11 = 0",
    )
    load(shop, schema, sink, state, first)
    assert arrived(sink, schema) == sorted(
        [*kept, *shop.rows(shop.where([first]))], key=lambda row: int(row[0])
    )

    load(shop, schema, sink, state, *others)
    assert arrived(sink, schema) == shop.rows(shop.where(everything))
    stored = sink.rows(f"SELECT name FROM system.tables WHERE database = '{shop.warehouse}'")
    assert stored == [("orders",)]


@pytest.mark.parametrize("shape", ["day in a day", "day in a month", "day in a month, no key"])
def test_a_column_that_only_the_warehouse_has_is_no_obstacle_and_keeps_its_values_elsewhere(
    shape: str, open_shop: Callable[[str], Shop], state: StateManager, embedded: ClickHouseSink
) -> None:
    shop = open_shop("postgres")
    schema = shop.write_file(shape)
    load(shop, schema, embedded, state, *DAYS)
    name = f"`{shop.warehouse}`.orders"
    embedded.run(f"ALTER TABLE {name} ADD COLUMN mark Nullable(String)", doing="Test")
    embedded.run(
        f"ALTER TABLE {name} UPDATE mark = 'kept' WHERE 1", doing="Test", settings={"mutations_sync": 2}
    )
    load(shop, schema, embedded, state, DAYS[0])
    final = "FINAL" if schema.primary_key else ""
    marks = embedded.rows(
        f"SELECT toString(toDate(at)), groupUniqArray(mark) FROM {name} {final} GROUP BY 1 ORDER BY 1"
    )
    assert [(day, list(found)) for day, found in marks] == [
        (DAYS[0], []),
        *((day, ["kept"]) for day in DAYS[1:]),
    ]
    assert arrived(embedded, schema) == shop.rows(shop.where(DAYS))


@pytest.mark.parametrize("order", ["together", "the new one first", "the old one first"])
def test_a_key_that_was_given_again_in_another_partition_stands_there_alone(
    order: str, open_shop: Callable[[str], Shop], state: StateManager, embedded: ClickHouseSink
) -> None:
    shop = open_shop("postgres")
    schema = shop.write_file("day in a month")
    january, february = DAYS[1], DAYS[2]
    load(shop, schema, embedded, state, *DAYS)
    for was, now in ((february, january), (january, february)):
        moved = shop.rows(shop.where([was]))[10][0]
        shop.execute(
            f"DELETE FROM orders WHERE id = {moved}",
            f"INSERT INTO orders VALUES ({moved}, 'eu', 'again', '{now} 12:00:00+00')",
        )
        runs = {"together": [(was, now)], "the new one first": [(now,), (was,)]}
        for keys in runs.get(order, [(was,), (now,)]):
            load(shop, schema, embedded, state, *sorted(keys))
        assert arrived(embedded, schema) == shop.rows(shop.where(DAYS))
