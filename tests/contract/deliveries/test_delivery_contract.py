"""What every source of deliveries promises, whatever it reads: the engine of landing relies on no more than this."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dagster_pipeline.connectors.sources.api.client import ApiClient, ApiSecrets
from dagster_pipeline.connectors.sources.api.connector import ApiAnswerSource
from dagster_pipeline.connectors.sources.base_delivery_source import BaseDeliverySource, Findings
from dagster_pipeline.connectors.sources.clickhouse.connector import ClickHouseQuerySource
from dagster_pipeline.connectors.sources.s3.connector import S3ObjectSource
from dagster_pipeline.schema.api_models import ApiFile
from dagster_pipeline.schema.clickhouse_models import ClickHouseFile
from dagster_pipeline.schema.s3_models import S3File
from scripts.servers.clickhouse_http import running_front
from tests.contract.deliveries.lake import Lake, numbered, parse

ROWS = 200_000
NOWHERE = "http://k:s3cret@127.0.0.1:9/place"
Make = Callable[[str], BaseDeliverySource]


def text_of(source: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": 1,
        "source": {"connection": "c", **source},
        "destination": {"database": "d"},
        "columns": [{"name": "id", "type": "Int64"}, {"name": "name", "type": "String"}],
    }


def s3(url: str) -> BaseDeliverySource:
    return S3ObjectSource(S3File.model_validate(text_of({"format": "parquet"})), url=parse(url))


def api(url: str) -> BaseDeliverySource:
    file = ApiFile.model_validate(text_of({}))
    client = ApiClient(file.source, url=parse(url), secrets=ApiSecrets(), sleep=lambda _seconds: None)
    return ApiAnswerSource(file, name="t", client=client)


def clickhouse(url: str) -> BaseDeliverySource:
    query = f"SELECT toInt64(number) AS id, concat('name ', toString(number)) AS name FROM numbers({ROWS}) ORDER BY id"
    return ClickHouseQuerySource(ClickHouseFile.model_validate(text_of({"query": query})), url=parse(url))


class Answering(BaseHTTPRequestHandler):
    """An API of one answer."""

    def do_GET(self) -> None:
        body = json.dumps([{"id": number, "name": f"name {number}"} for number in range(ROWS)]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class names it so
        pass


@pytest.fixture(params=["s3", "api", "clickhouse"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Make, str]]:
    """A kind of source, and an address where it finds `ROWS` rows."""
    if request.param == "s3":
        lake: Lake = request.getfixturevalue("lake")
        lake.put("rows.parquet", numbered(0, ROWS))
        yield s3, lake.url
    elif request.param == "api":
        server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield api, f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        server.server_close()
    else:
        with running_front(tmp_path / "front") as front:
            yield clickhouse, front.url


def test_a_delivery_is_one_arrow_stream_in_pieces_and_the_same_one_again(place: tuple[Make, str]) -> None:
    make, url = place
    with make(url) as source:
        (delivery,) = source.deliveries()
        read = []
        for _ in range(2):
            with source.stream(delivery, Findings()) as batches:
                collected = list(batches)
            read.append(b"".join(batch.payload for batch in collected))
            assert sum(batch.rows for batch in collected) == ROWS
        with source.stream(delivery, Findings()) as batches:
            assert next(batches).rows  # leaving in the middle ends it
        names = [column.name for column in source.columns]
    table = pa.ipc.open_stream(read[0]).read_all()
    assert read[0] == read[1]
    assert (table.column_names, table.num_rows) == (names, ROWS)
    assert sum(table["id"].to_pylist()) == ROWS * (ROWS - 1) // 2


@pytest.mark.parametrize("make", [s3, api, clickhouse])
def test_nothing_is_connected_before_something_is_asked_and_closing_twice_is_fine(make: Make) -> None:
    with make(NOWHERE) as source:
        assert [column.wire_type for column in source.columns] == ["Int64", "String"]
    source.close()
    assert "s3cret" not in repr(source)
