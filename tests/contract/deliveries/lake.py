"""A bucket, a warehouse and a state store, with the few words that tests of landing need."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sources.s3.connector import S3ObjectSource
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.landing.destination import landing_table
from dagster_pipeline.landing.object_reader import object_reader
from dagster_pipeline.landing.result import LandingResult
from dagster_pipeline.landing.table_landing import TableLanding
from dagster_pipeline.schema.s3_models import S3File
from dagster_pipeline.state.state_manager import StateManager
from scripts.servers.s3 import client_of

ID_AND_NAME = ({"name": "id", "type": "Int64"}, {"name": "name", "type": "String", "nullable": True})


def parse(url: str, variable: str = "S3_LAKE_URL") -> DatabaseUrl:
    return DatabaseUrl.parse(url, variable=variable, schemes=())


def s3_file(
    columns: Any = ID_AND_NAME, *, keyed: bool = False, destination: Any = None, **source: Any
) -> S3File:
    """A file for the table `lake.events`."""
    listed = [dict(column) for column in columns]
    if keyed:
        listed[0]["primary_key"] = True
    return S3File.model_validate(
        {
            "version": 1,
            "source": {"connection": "lake", "format": "parquet", **source},
            "destination": {"database": "lake", "table": "events", **(destination or {})},
            "columns": listed,
        }
    )


def parquet(rows: Any, **options: Any) -> bytes:
    """An Arrow table, or columns, as a Parquet file."""
    table = rows if isinstance(rows, pa.Table) else pa.table(rows)
    target = io.BytesIO()
    pq.write_table(table, target, **options)
    return target.getvalue()


def numbered(start: int, count: int) -> bytes:
    """`count` rows of id and name."""
    ids = range(start, start + count)
    return parquet({"id": pa.array(ids, pa.int64()), "name": [f"name {number}" for number in ids]})


class Lake:
    """Everything that one table's landing touches."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        parsed = parse(url)
        self.bucket = parsed.database
        self.client = client_of(url)
        self.client.create_bucket(Bucket=self.bucket)  # nothing happens when it is there
        self.warehouse_url = f"chdb://{folder}/warehouse"
        self.state_url = f"sqlite:///{folder}/state.sqlite"
        (folder / "warehouse").mkdir(exist_ok=True)
        self._sink: ClickHouseSink | None = None

    @property
    def sink(self) -> ClickHouseSink:
        """The warehouse, opened once: opening takes a second, and only one process may have it."""
        if self._sink is None:
            self._sink = ClickHouseSink(parse(self.warehouse_url, "CLICKHOUSE_URL"), run_id="test")
        return self._sink

    def leave_warehouse(self) -> None:
        """Let another process have it."""
        if self._sink is not None:
            self._sink.close()
        self._sink = None

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def source(self, file: S3File) -> S3ObjectSource:
        return S3ObjectSource(file, url=parse(self.url))

    def land(self, file: S3File, *, source: Any = None, **options: Any) -> LandingResult:
        """One run, with everything opened and closed."""
        objects = source or self.source(file)
        with closing(StateManager(parse(self.state_url, "STATE_URL"))) as state, objects:
            by_warehouse = object_reader(objects, self.sink) if file.source.read_by == "warehouse" else None
            return TableLanding(
                table=landing_table(file, "events"),
                source=objects,
                sink=self.sink,
                state=state,
                run_id="test",
                changed=file.changed,
                by_warehouse=by_warehouse,
                **options,
            ).run()

    def release_lock(self, table: str) -> None:
        """As `python -m dagster_pipeline state` does for a run that is known to be dead."""
        with closing(StateManager(parse(self.state_url, "STATE_URL"))) as state:
            state.release_lock(table)

    def rows(self, sql: str = "SELECT id, name FROM lake.events ORDER BY id") -> list[tuple[Any, ...]]:
        return self.sink.rows(sql)

    def count(self) -> int:
        """Rows that a reader sees; 0 without a table."""
        found = self.rows("SELECT total_rows FROM system.tables WHERE database = 'lake' AND name = 'events'")
        return int(found[0][0]) if found else 0

    def stagings(self) -> list[str]:
        found = self.rows("SELECT name FROM system.tables WHERE database = 'lake' AND name != 'events'")
        return [name for (name,) in found]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave_warehouse()
        self.client.close()
