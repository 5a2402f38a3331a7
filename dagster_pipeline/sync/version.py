"""Where a table's next `_version` must lie above: whatever state, warehouse and clock say, the newest row must win."""

from __future__ import annotations

import time

from dagster_pipeline.connectors.sink.base_sink_connector import BaseSinkConnector, SinkTable
from dagster_pipeline.state.records import TableState


def greatest_version(before: TableState, sink: BaseSinkConnector, table: SinkTable) -> int:
    """The greatest version that the table can hold.

    The state's own count is enough as long as the state is the table's. A lost store makes us ask the warehouse. A store
    that was put back from an older copy counts from too low and does not know it; so no version is below the present
    in milliseconds either. A clock that goes back changes nothing, since the count never does.
    """
    counted = before.version or sink.highest_version(table)
    return max(counted, time.time_ns() // 1_000_000)
