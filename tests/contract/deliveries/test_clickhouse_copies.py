"""What a copy from another ClickHouse promises: an engine behind the HTTP front (or TEST_CLICKHOUSE_URL) into a real engine."""

from __future__ import annotations

import datetime
import itertools
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from decimal import Decimal
from typing import Any

import pytest

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sources.clickhouse.connector import ClickHouseQuerySource
from dagster_pipeline.errors import ConfigurationError, DataQualityError, RetriableError
from dagster_pipeline.landing.destination import landing_table
from dagster_pipeline.landing.result import LandingResult
from dagster_pipeline.landing.table_landing import TableLanding
from dagster_pipeline.schema.clickhouse_models import ClickHouseFile
from dagster_pipeline.state.state_manager import StateManager
from scripts.servers.clickhouse_http import running_front
from tests.contract.deliveries.lake import Lake, parse

_numbers = itertools.count(1)
TYPES = {
    "id": ("UInt64", "toUInt64(18446744073709551615 - number)"),
    "money": ("Decimal(38, 4)", "toDecimal128(number, 4) + toDecimal128('0.1234', 4)"),
    "wide": ("Decimal(76, 10)", "toDecimal256('12345678901234567890123456789012345678901234567890.5', 10)"),
    "ratio": ("Float64", "0.1 + number"),
    "day": ("Date", "toDate('2149-06-06') - number"),
    "far": ("Date32", "toDate32('2299-12-31') - number"),
    "second": ("DateTime('UTC')", "toDateTime('2024-02-29 01:02:03', 'UTC') + number"),
    "at": ("DateTime64(6, 'UTC')", "toDateTime64('2024-02-29 01:02:03.000004', 6, 'UTC') + number"),
    "kind": ("LowCardinality(String)", "concat('a\\tb', toString(number % 3))"),
    "word": ("String", "if(number % 2, NULL, 'x')"),
    "flag": ("Bool", "toBool(number % 2 = 0)"),
    "uuid": ("UUID", "reinterpretAsUUID(toUInt128(number))"),
    "ip": ("IPv4", "toIPv4(toUInt32(number))"),
    "tags": ("Array(String)", "['a', toString(number)]"),
}


@pytest.fixture(scope="session")
def other_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if given := os.environ.get("TEST_CLICKHOUSE_URL"):
        yield given
        return
    with running_front(tmp_path_factory.mktemp("other"), password="s3cret word") as front:
        yield front.url


@pytest.fixture
def other(other_url: str) -> Iterator[tuple[ClickHouseSink, str]]:
    """The other server, and a database on it that is the test's own."""
    database = f"copies_{os.getpid()}_{next(_numbers)}"
    with ClickHouseSink(parse(other_url, "CLICKHOUSE_OTHER_URL")) as sink:
        sink.run(f"CREATE DATABASE {database}", doing="Setting up")
        yield sink, database
        sink.run(f"DROP DATABASE {database}", doing="Cleaning up")


def copy(lake: Lake, url: str, columns: Any, **source: Any) -> LandingResult:
    file = ClickHouseFile.model_validate(
        {
            "version": 1,
            "source": {"connection": "other", **source},
            "destination": {"database": "lake", "table": "events", "order_by": []},
            "columns": columns,
        }
    )
    with (
        closing(StateManager(parse(lake.state_url, "STATE_URL"))) as state,
        ClickHouseQuerySource(file, url=parse(url, "CLICKHOUSE_OTHER_URL")) as answers,
    ):
        return TableLanding(
            table=landing_table(file, "events"),
            source=answers,
            sink=lake.sink,
            state=state,
            run_id="test",
            replaces=True,
        ).run()


ID = [{"name": "id", "type": "Int64"}]


def test_every_value_arrives_as_it_was(lake: Lake, other_url: str, other: tuple[ClickHouseSink, str]) -> None:
    server, database = other
    selected = ", ".join(f"{expression} AS {name}" for name, (_kind, expression) in TYPES.items())
    server.run(
        f"CREATE TABLE {database}.t ENGINE = MergeTree ORDER BY tuple() AS SELECT {selected} FROM numbers(100000)",
        doing="Setting up",
    )
    columns = [{"name": name, "type": kind, "nullable": name == "word"} for name, (kind, _) in TYPES.items()]
    assert copy(lake, other_url, columns, table=f"{database}.t").rows == 100_000
    digest = f"SELECT count(), sum(cityHash64({', '.join(f'toString({name})' for name in TYPES)})) FROM"
    assert lake.rows(f"{digest} lake.events") == server.rows(f"{digest} {database}.t")
    (row,) = lake.rows("SELECT money, far, at FROM lake.events WHERE id = 18446744073709551615")
    assert row == (
        Decimal("0.1234"),
        datetime.date(2299, 12, 31),
        datetime.datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=datetime.UTC),
    )


def test_a_copy_takes_the_place_of_the_one_before(
    lake: Lake, other_url: str, other: tuple[ClickHouseSink, str]
) -> None:
    server, database = other
    server.run(
        f"CREATE TABLE {database}.t (id Int64, version UInt8) ENGINE = ReplacingMergeTree(version) ORDER BY id",
        doing="Setting up",
    )
    server.run(f"INSERT INTO {database}.t VALUES (1, 1), (2, 1)", doing="Setting up")
    server.run(f"INSERT INTO {database}.t VALUES (2, 2), (3, 1)", doing="Setting up")
    columns = [*ID, {"name": "version", "type": "UInt8"}]
    copy(lake, other_url, columns, table=f"{database}.t")
    assert lake.rows("SELECT id, version FROM lake.events ORDER BY id") == [(1, 1), (2, 2), (3, 1)]
    query = f"SELECT id, version FROM {database}.t FINAL WHERE id > 1 UNION ALL SELECT 9, 9"
    copy(lake, other_url, columns, query=query)
    assert lake.rows("SELECT id FROM lake.events ORDER BY id") == [(2,), (3,), (9,)]
    assert lake.stagings() == []


@pytest.mark.parametrize(
    ("query", "error", "said"),
    [
        ("SELECT nope FROM numbers(3)", ConfigurationError, "unknown column"),
        ("SELECT 1 AS id FROM no_such_table", ConfigurationError, "no such table"),
        ("SELECT id FRM x y", ConfigurationError, "does not read as SQL"),
        ("SELECT 'secret' AS id", ConfigurationError, "'id' is string, and the YAML file says Int64"),
        ("SELECT 18446744073709551615 AS id", DataQualityError, "column 'id' is no Int64"),
        ("SELECT NULL::Nullable(Int64) AS id", DataQualityError, "have no value in column 'id'"),
    ],
)
def test_a_query_that_does_not_fit_is_a_clear_error(
    lake: Lake, other_url: str, query: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as raised:
        copy(lake, other_url, ID, query=query)
    assert "secret" not in str(raised.value)
    assert lake.count() == 0


def test_wrong_passwords_and_silent_servers_are_told_apart(lake: Lake, other_url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"does not let us in.*CLICKHOUSE_OTHER_URL") as raised:
        copy(lake, other_url.replace("s3cret", "wr0ng"), ID, query="SELECT 1 AS id")
    assert "wr0ng" not in str(raised.value)
    with pytest.raises(RetriableError):
        copy(lake, "http://default:@127.0.0.1:9/", ID, query="SELECT 1 AS id")


class Breaking:
    """A line to the server that is cut after so many bytes of its answers, as when the server is killed."""

    def __init__(self, port: int, after: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._to, self._left = port, after
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while self._left > 0:
            client, _ = self._listener.accept()
            threading.Thread(target=self._pump, args=(client,), daemon=True).start()

    def _pump(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._to)) as server:
            threading.Thread(target=_forward, args=(client, server), daemon=True).start()
            while self._left > 0 and (piece := server.recv(65_536)):
                client.sendall(piece)
                self._left -= len(piece)
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(
                        socket.SHUT_RDWR
                    )  # closing alone would wait for the thread that reads from it


def _forward(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65_536):
            target.sendall(piece)
    except OSError:
        return


def test_an_answer_that_breaks_off_leaves_what_was_there(lake: Lake, other_url: str) -> None:
    copy(lake, other_url, ID, query="SELECT number AS id FROM numbers(10)")
    parsed = parse(other_url, "CLICKHOUSE_OTHER_URL")
    line = Breaking(parsed.port, after=2_000_000)
    cut = other_url.replace(f":{parsed.port}", f":{line.port}")
    with pytest.raises(RetriableError):
        copy(lake, cut, ID, query="SELECT toInt64(number) AS id FROM numbers(1000000)")
    assert lake.count() == 10
    copy(lake, other_url, ID, query="SELECT toInt64(number) AS id FROM numbers(20)")
    assert (lake.count(), lake.stagings()) == (20, [])
