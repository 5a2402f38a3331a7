"""The warehouse."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import PrivateAttr

from dagster_pipeline.connections import open_warehouse
from dagster_pipeline.resources.kept_open import KeptOpen
from dagster_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink

LINGER_SECONDS = 1.0
"""Opening costs a quarter of a second (HTTP) to a second (embedded); another process may wait for the embedded one."""


class ClickHouseResource(dg.ConfigurableResource[Any]):  # Any: its client is imported when one is opened
    """Opens the warehouse that `CLICKHOUSE_URL` names, once for all steps of a process."""

    _kept: KeptOpen[ClickHouseSink] = PrivateAttr(
        default_factory=lambda: KeptOpen(linger_seconds=LINGER_SECONDS)
    )

    @contextmanager
    def open(self, *, run_id: str) -> Generator[ClickHouseSink, None, None]:
        """A sink, which other steps of the run may be using too. Raises `ConfigurationError` when the URL is wrong."""
        settings = Settings.from_environment()
        address = (
            settings.clickhouse_url().raw,
            settings.clickhouse_cluster,
            settings.clickhouse_insert_quorum,
        )
        with self._kept.lent(address, lambda: open_warehouse(settings, run_id=run_id)) as sink:
            yield sink

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close it with the run."""
        del context
        self._kept.close()
