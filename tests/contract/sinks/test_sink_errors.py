"""Errors of a warehouse end on the right side, retriable or not. They are the engine's own, made for real."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import FatalError, PipelineError, RetriableError
from dagster_pipeline.state.state_manager import StateManager
from scripts.servers.clickhouse_http import running_front
from tests.contract.sinks.conftest import parse_url
from tests.contract.sinks.sink_tables import a_table, a_write, an_append_table, numbered
from tests.contract.state.loads import a_load
from tests.faults.tcp_proxy import Fate, Kind, TcpProxy


def test_too_many_parts_pass_when_merges_have_caught_up(sink: ClickHouseSink, database: str) -> None:
    table = an_append_table(database, settings={"parts_to_throw_insert": 3, "parts_to_delay_insert": 3})
    sink.ensure_table(table)
    stopped = f"SYSTEM STOP MERGES `{database}`.accounts"
    sink.run(stopped, doing="Stopping merges")

    def write_parts() -> None:
        for part in range(10):
            sink.write(a_write(table, token=f"load:{part}"), [numbered(part, 1)])

    with pytest.raises(RetriableError, match="TOO_MANY_PARTS") as raised:
        write_parts()
    assert raised.value.code == "252"
    rows = sink.count_rows(table)
    sink.run(stopped.replace("STOP", "START"), doing="Starting merges")
    sink.run(f"OPTIMIZE TABLE `{database}`.accounts FINAL", doing="Merging")
    sink.write(a_write(table, token="load:x"), [numbered(100, 1)])
    assert sink.count_rows(table) == rows + 1


def test_a_query_that_lacks_memory_may_be_tried_again(sink: ClickHouseSink) -> None:
    greedy = "SELECT uniqExact(number), groupArray(number) FROM numbers(3000000) SETTINGS max_memory_usage = 10000000"
    with pytest.raises(RetriableError, match="MEMORY_LIMIT_EXCEEDED") as raised:
        sink.rows(greedy)
    assert raised.value.code == "241"


def test_a_statement_that_takes_too_long_may_be_tried_again(sink: ClickHouseSink) -> None:
    with pytest.raises(RetriableError, match="TIMEOUT_EXCEEDED") as raised:
        sink.rows("SELECT count() FROM numbers(1000000000000) SETTINGS max_execution_time = 0.2")
    assert raised.value.code == "159"


@contextmanager
def tiny_disk(path: Path, size: str) -> Iterator[Path]:
    """A file system of that size; only a superuser may make one."""
    path.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("this user may not mount a file system")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def test_a_full_disk_is_a_persons_to_mend_and_the_sink_works_when_there_is_room_again(tmp_path: Path) -> None:
    with (
        tiny_disk(tmp_path / "disk", "40m") as disk,
        ClickHouseSink(parse_url(f"chdb://{disk}/warehouse")) as sink,
    ):
        table = an_append_table("shop")
        sink.ensure_table(table)
        lines = [
            Batch(b"%d\t%s\n" % (number, os.urandom(50_000).hex().encode()), 1) for number in range(1_000)
        ]
        with pytest.raises(FatalError, match=r"disk.*is full") as raised:
            sink.write(a_write(table, atomic=True), lines)
        assert raised.value.code == "243"
        assert sink.count_rows(table) == 0
        sink.write(a_write(table, atomic=True), lines[:10])
        assert sink.count_rows(table) == 10


def test_a_full_disk_under_the_state_store_passes_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk", "400k") as disk:
        url = DatabaseUrl.parse(f"sqlite:///{disk}/state.sqlite", variable="STATE_URL", schemes=())
        with closing(StateManager(url)) as store:
            store.next_version("shop/orders", above=0)
            with pytest.raises(RetriableError, match=r"no room left|could not be read or written"):
                store.open_load(a_load(chunks=20_000))
            assert store.tables()[0].open_load is None
            assert store.next_version("shop/orders", above=0) == 2


@pytest.fixture(scope="module")
def line_and_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TcpProxy, DatabaseUrl]]:
    """A warehouse over HTTP, and the line to it."""
    with running_front(tmp_path_factory.mktemp("front")) as front:
        url = parse_url(front.url)
        with TcpProxy(url.host, url.port) as line:
            yield line, parse_url(f"http://default:@127.0.0.1:{line.port}/")


@pytest.mark.parametrize("kind", [Kind.CUT, Kind.TRUNCATE])
@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("word", ["INSERT", "CREATE", "EXCHANGE", "SELECT"])
def test_a_request_or_an_answer_that_is_lost_is_worth_a_retry(
    line_and_url: tuple[TcpProxy, DatabaseUrl], kind: Kind, answered: bool, word: str
) -> None:
    line, url = line_and_url
    database = f"line_{kind}_{answered}_{word}".lower()
    table, other = an_append_table(database), a_table(database, name="moved")
    with ClickHouseSink(url) as sink:
        sink.ensure_table(table)
        sink.ensure_table(other)
    line.plan([Fate(kind, word=word.encode(), answered=answered, seconds=0.1)] * 4)
    with ClickHouseSink(url) as sink:
        calls = {
            "INSERT": lambda: sink.write(a_write(table, atomic=True), [numbered(0, 5)]),
            "CREATE": lambda: sink.run(f"CREATE DATABASE IF NOT EXISTS {database}", doing="Creating"),
            "EXCHANGE": lambda: sink.swap(table, other),
            "SELECT": lambda: sink.count_rows(table),
        }
        struck = len(line.struck)
        with pytest.raises(PipelineError) as raised:
            calls[word]()
        assert isinstance(raised.value, RetriableError), raised.value
        assert len(line.struck) > struck
        line.plan([])
        if word == "INSERT":
            sink.write(a_write(table, atomic=True), [numbered(0, 5)])
            assert sink.count_rows(table) == 5
