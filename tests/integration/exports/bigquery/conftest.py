"""A server that stands in for BigQuery, with one dataset, and what tests ask of it through Google's own client."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from dagster_pipeline.connectors.sink.bigquery.place import BigQueryPlace
from dagster_pipeline.connectors.sink.bigquery.sink import BigQuerySink
from dagster_pipeline.database_url import DatabaseUrl
from scripts.servers.bigquery import BigQueryServer, running_bigquery


@pytest.fixture
def server() -> Iterator[BigQueryServer]:
    """The project `acme` with the empty dataset `sales` in the EU."""
    with running_bigquery() as running:
        running.tables.create_dataset("acme", "sales", location="EU")
        yield running


@pytest.fixture
def client(server: BigQueryServer) -> Iterator[bigquery.Client]:
    """Google's client, by which tests see what readers see."""
    with bigquery.Client(
        project="acme",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": server.endpoint},
        location="EU",
    ) as made:
        yield made


@pytest.fixture
def rows(client: bigquery.Client) -> Callable[[], list[dict[str, Any]]]:
    """The rows of `sales.accounts`, by id."""

    def read() -> list[dict[str, Any]]:
        return sorted(
            (dict(row) for row in client.list_rows("acme.sales.accounts")), key=lambda row: row["id"]
        )

    return read


@pytest.fixture
def open_sink(server: BigQueryServer) -> Iterator[Callable[..., BigQuerySink]]:
    """A sink for `sales.accounts`, or another place."""
    opened: list[BigQuerySink] = []

    def make(*, options: str = "", **keys: Any) -> BigQuerySink:
        url = DatabaseUrl.parse(
            f"bigquery://acme?endpoint={server.endpoint}{options}",
            variable="BIGQUERY_ANALYTICS_URL",
            schemes=("bigquery",),
        )
        opened.append(BigQuerySink(BigQueryPlace(url), **{"dataset": "sales", "table": "accounts", **keys}))
        return opened[-1]

    yield make
    for sink in opened:
        sink.close()


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's client and we try again at once."""
    monkeypatch.setattr("time.sleep", lambda _: None)
