"""The ClickHouse source: one SELECT as a stream of Arrow, by which no value is guessed and memory stays at a block.

What a query answers is one delivery, new with every run. It is only complete when the stream's own end mark came: a server that
dies may end its answer between two blocks, and half of a table must not be taken for all of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import pyarrow as pa

from dagster_pipeline.connectors.arrow_body import WatchedBody
from dagster_pipeline.connectors.batch import Batch, WireColumn
from dagster_pipeline.connectors.sources.arrow_columns import (
    ArrowColumn,
    arrow_columns,
    conformed,
    refuse_other_kinds,
    wire_schema,
)
from dagster_pipeline.connectors.sources.arrow_stream import arrow_stream
from dagster_pipeline.connectors.sources.base_delivery_source import (
    ANSWERS,
    BaseDeliverySource,
    Delivery,
    Findings,
)
from dagster_pipeline.connectors.sources.clickhouse.connection import connect
from dagster_pipeline.connectors.sources.clickhouse.errors import reading_errors
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import RetriableError
from dagster_pipeline.schema.clickhouse_models import ClickHouseFile

_AS_ARROW = {
    "Date": "toDate32({column})",
    "DateTime": "toDateTime64({column}, 0, 'UTC')",
    "UUID": "toString({column})",
    "IPv4": "toString({column})",
    "IPv6": "toString({column})",
}
"""Types that older servers write as bare numbers or bytes."""


class ClickHouseQuerySource(BaseDeliverySource):
    """What one file below `schemas/clickhouse/` asks for. Nothing is connected before `stream`."""

    def __init__(self, file: ClickHouseFile, *, url: DatabaseUrl, query_comment: str = "") -> None:
        """Make a source; `query_comment` names table and run to whoever watches that server."""
        self._file = file
        self._url = url
        self._comment = query_comment
        self._columns = arrow_columns(file.columns)

    @property
    def columns(self) -> tuple[WireColumn, ...]:
        """The declared columns."""
        return tuple(column.wire_column for column in self._columns)

    def deliveries(self) -> Iterable[Delivery]:
        """One, which is new each time: what a table holds has no identity that could be asked for."""
        return (Delivery(ANSWERS, uuid.uuid4().hex),)

    def statement(self) -> str:
        """The SELECT that is run: the declared columns of the file's query, each as Arrow holds it."""
        selected = ", ".join(_selected(column) for column in self._columns)
        return f"SELECT {selected} FROM {self._relation()}"

    @contextmanager
    def stream(
        self, delivery: Delivery, findings: Findings
    ) -> Generator[Generator[Batch, None, None], None, None]:
        """Run the query; leaving the context ends it."""
        del delivery, findings  # there is one, and nothing is left out
        rows = self._rows()
        batches = arrow_stream(wire_schema(self._columns), rows)
        try:
            yield batches
        finally:
            batches.close()
            rows.close()

    def try_out(self, *, seconds: int) -> None:
        """Ask for no row, within `seconds`. Raises `ConfigurationError` when a right, a table or a column is missing."""
        with reading_errors(f"Reading from {self._url.redacted}", variable=self._url.variable):
            statement = f"SELECT * FROM ({self.statement()}) LIMIT 0"
            self._client.query(statement, settings={"max_execution_time": seconds})

    def close(self) -> None:
        """End the connections."""
        if "_client" in self.__dict__:
            self._client.close()

    def _rows(self) -> Generator[pa.RecordBatch, None, None]:
        doing = f"Reading from {self._url.redacted}"
        with reading_errors(doing, variable=self._url.variable):
            settings = {
                "output_format_arrow_string_as_string": 1,
                "max_block_size": 65_536,
                "log_comment": self._comment,
            }
            body = self._client.raw_stream(self.statement(), fmt="ArrowStream", settings=settings)
            try:
                watched = WatchedBody(body)
                reader = pa.ipc.open_stream(pa.PythonFile(watched, mode="r"))
                refuse_other_kinds(reader.schema, self._columns, where=doing)
                for batch in reader:
                    yield conformed(batch, self._columns, where=doing)
                if not watched.is_complete:
                    raise RetriableError(f"{doing}: the answer broke off.", todo="The next run asks again.")
            finally:
                body.close()

    def _relation(self) -> str:
        source = self._file.source
        if source.table is None:
            return f"({source.query})"
        name = ".".join(_quoted(part) for part in source.table.split(".", 1))
        return f"{name} FINAL" if self._collapses(source.table) else name

    def _collapses(self, table: str) -> bool:
        """Whether the other table's engine collapses rows when parts merge, so that only FINAL shows what it means."""
        database, _, name = table.rpartition(".")
        found = self._client.query(
            "SELECT engine FROM system.tables "
            "WHERE database = if({database:String} = '', currentDatabase(), {database:String}) AND name = {name:String}",
            parameters={"database": database, "name": name},
        ).result_rows
        engine = str(found[0][0]) if found else ""
        return engine.removeprefix("Replicated").startswith(
            ("Replacing", "Collapsing", "VersionedCollapsing")
        )

    @cached_property
    def _client(self) -> Any:
        return connect(self._url)


def _selected(column: ArrowColumn) -> str:
    name = _quoted(column.arrives_as)
    expression = _AS_ARROW.get(column.declared.name, "{column}").replace("{column}", name)
    return expression if expression == name else f"{expression} AS {name}"


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
