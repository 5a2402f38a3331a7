"""What rows of the target were before a load and are after it, for `undo`; kept for `keep`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier
from dagster_pipeline.reverse_etl.book_tables import flow_table, kept, quoted
from dagster_pipeline.reverse_etl.flow import Flow
from dagster_pipeline.targets.changes import Image

IMAGE_COLUMNS = ("load", "seq", "key", "was_there", "before", "is_there", "after", "run")


def images_table(flow: Flow) -> SinkTable:
    """The before-images of a flow; they do not depend on the key's types."""
    texts = "Map(String, Nullable(String))"
    types = ("String", "UInt64", "Array(String)", "Bool", texts, "Bool", texts, "String")
    columns = [SinkColumn(name, kind) for name, kind in zip(IMAGE_COLUMNS, types, strict=True)]
    return flow_table(flow, "images", columns, key=("load", "seq"), ttl=kept(flow))


def save_images(
    sink: ClickHouseSink, flow: Flow, load_id: str, images: Sequence[Image], *, run_id: str, version: int
) -> None:
    """Enter them."""
    table = images_table(flow)
    rows = [
        (
            load_id,
            image.seq,
            list(image.key),
            image.before is not None,
            image.before or {},
            image.after is not None,
            image.after or {},
            run_id,
            version,
        )
        for image in images
    ]
    sink.insert_rows(table, [*IMAGE_COLUMNS, "_version"], rows, doing=f"Writing {table.full_name}")


def read_images(sink: ClickHouseSink, flow: Flow, load_id: str, *, at_once: int) -> Iterator[list[Image]]:
    """The images of a load, newest change first, `at_once` at a time."""
    table, below = images_table(flow), 2**62
    while True:
        found = sink.rows(
            f"SELECT {', '.join(map(quote_identifier, IMAGE_COLUMNS[1:]))} FROM {quoted(table)} FINAL "
            f"WHERE load = {{load:String}} AND seq < {below} ORDER BY seq DESC LIMIT {int(at_once)}",
            {"load": load_id},
        )
        if not found:
            return
        yield [
            Image(int(seq), tuple(key), dict(before) if was else None, dict(after) if now else None)
            for seq, key, was, before, now, after, _ in found
        ]
        below = int(found[-1][0])


@dataclass(frozen=True, slots=True)
class KeptLoad:
    """A load that can be taken back: its name, the run that did it, when, and how many rows it changed."""

    load_id: str
    run_id: str
    at: datetime
    rows: int


def kept_loads(sink: ClickHouseSink, flow: Flow) -> list[KeptLoad]:
    """Every load whose images are kept, newest first."""
    sink.ensure_table(images_table(flow))
    found = sink.rows(
        f"SELECT load, any(run), max(_synced_at), uniqExact(seq) FROM {quoted(images_table(flow))} "
        "GROUP BY load ORDER BY max(_version) DESC"
    )
    return [KeptLoad(str(load), str(run), at, int(rows)) for load, run, at, rows in found]
