"""A reading as Prometheus metrics: names, types and labels. Pure but for the clock of the collector's memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from dagster_pipeline.metrics.reading import Reading, TableReading

PREFIX = "dagster_pipeline_"
_OF_TABLES: dict[str, tuple[str, Callable[[TableReading], float | None]]] = {
    "table_last_success_timestamp_seconds": (
        "When the table was last brought forward.",
        lambda one: one.last_success.timestamp() if one.last_success else None,
    ),
    "table_freshness_seconds": (
        "How old the last success may be, by the table's file.",
        lambda one: one.table.freshness.total_seconds() if one.table.freshness else None,
    ),
    "table_failures_last_day": (
        "Steps of the table that failed for good within 24 hours.",
        lambda one: one.failures,
    ),
    "table_rows": ("Rows in the warehouse after the last load.", lambda one: one.numbers.get("rows")),
    "table_last_load_rows": ("Rows that the last load moved.", lambda one: one.numbers.get("loaded_rows")),
    "table_last_load_bytes": ("Bytes that the last load moved.", lambda one: one.numbers.get("loaded_bytes")),
    "table_last_load_seconds": ("How long the last load took.", lambda one: one.numbers.get("load_seconds")),
    "table_last_load_coerced_rows": (
        "Rows of the last load that out_of_range changed.",
        lambda one: one.numbers.get("coerced_rows"),
    ),
    "table_lag_seconds": (
        "How far the table was behind the source's newest row after the last load.",
        lambda one: one.numbers.get("lag_seconds"),
    ),
}


def families(reading: Reading) -> Iterator[GaugeMetricFamily]:
    """Every metric. One that a table has no value for is left out, so that no 0 is taken for one."""
    for name, (what, value_of) in _OF_TABLES.items():
        family = GaugeMetricFamily(PREFIX + name, what, labels=["table", "group"])
        for one in reading.tables:
            value = value_of(one)
            if value is not None:
                family.add_metric([one.table.name, one.table.group], value)
        yield family
    late = GaugeMetricFamily(
        f"{PREFIX}table_late",
        "1 when the last success is older than freshness allows.",
        labels=["table", "group"],
    )
    for one in reading.tables:
        if one.table.freshness is not None and one.last_success is not None:
            is_late = reading.now - one.last_success > one.table.freshness
            late.add_metric([one.table.name, one.table.group], float(is_late))
    yield late
    runs = GaugeMetricFamily(f"{PREFIX}runs", "Runs that are not over, by state.", labels=["state"])
    for state, count in reading.runs.items():
        runs.add_metric([state], count)
    yield runs
    beats = GaugeMetricFamily(
        f"{PREFIX}daemon_heartbeat_timestamp_seconds", "When a daemon last reported.", labels=["daemon"]
    )
    for daemon, timestamp in reading.heartbeats.items():
        beats.add_metric([daemon], timestamp)
    yield beats
    yield GaugeMetricFamily(
        f"{PREFIX}reading_seconds", "How long it took to read these metrics.", value=reading.seconds
    )


class ReadingCollector(Collector):
    """Reads when Prometheus asks, and not again within `keep_seconds`: several Prometheus servers cost one reading."""

    def __init__(self, read: Callable[[], Reading], *, keep_seconds: float = 0.0) -> None:
        """Reads nothing yet."""
        self._read = read
        self._keep_seconds = keep_seconds
        self._lock = threading.Lock()
        self._kept: tuple[float, Reading] | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See `prometheus_client`. A reading that fails raises, so that the scrape fails and `up` is 0."""
        with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] >= self._keep_seconds:
                self._kept = (time.monotonic(), self._read())
            reading = self._kept[1]
        yield from families(reading)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: registering must not read."""
        return iter(())
