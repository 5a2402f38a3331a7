"""The store's tables as queries see them. How they come to exist is `migrations`; no query stands here.

Every name begins with `pipeline_`, so the store may share a PostgreSQL database with Dagster's own tables.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, MetaData, Table, Text, text

from dagster_pipeline.state.column_types import EXACT_TEXT, KEY_RANGE, WINDOW, Instant

metadata = MetaData()

# One row per table. Whoever changes a table's state in more than one row holds this one first (`positions.claim`).
tables = Table(
    "pipeline_tables",
    metadata,
    Column("table_name", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

positions = Table(
    "pipeline_positions",
    metadata,
    Column("table_name", Text, primary_key=True),
    Column("partition_key", Text, primary_key=True),
    Column("cursor_value", EXACT_TEXT),
    Column("row_count", BigInteger),
    Column("last_success_at", Instant),
    Column("loaded_as", Text),
)

loads = Table(
    "pipeline_loads",
    metadata,
    Column("load_id", Text, primary_key=True),
    # The order of opening within the table: a clock that is set back would spoil an order by `created_at`.
    Column("load_number", BigInteger, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("partition_key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("read_window", WINDOW, nullable=False),
    Column("advance_to", EXACT_TEXT),
    Column("fingerprint", Text, nullable=False),
    Column("staging", Text, nullable=False),
    Column("staging_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)
Index("pipeline_loads_by_number", loads.c.table_name, loads.c.load_number, unique=True)
_IS_OPEN = text("status = 'open'")
Index(
    "pipeline_loads_one_open",
    loads.c.table_name,
    loads.c.partition_key,
    unique=True,
    sqlite_where=_IS_OPEN,
    postgresql_where=_IS_OPEN,
)

chunks = Table(
    "pipeline_chunks",
    metadata,
    Column("load_id", Text, primary_key=True),
    Column("chunk_index", BigInteger, primary_key=True),
    Column("key_range", KEY_RANGE, nullable=False),
    Column("status", Text, nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("byte_count", BigInteger, nullable=False),
    Column("seconds", Double, nullable=False),
)

# Alerts: where each watcher stands, what is wrong with which table, and messages on their way. The documents are
# `dagster_pipeline.alerts`' own.
alert_marks = Table(
    "pipeline_alert_marks",
    metadata,
    Column("mark_name", Text, primary_key=True),
    Column("document", Text, nullable=False),
)

alert_incidents = Table(
    "pipeline_alert_incidents",
    metadata,
    Column("incident_key", Text, primary_key=True),
    Column("document", Text, nullable=False),
)

alert_deliveries = Table(
    "pipeline_alert_deliveries",
    metadata,
    Column("message_id", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("document", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Before this nobody sends it: a claim of the process that is sending it now, or the wait after a failure.
    Column("not_before", Instant, nullable=False),
    Column("claim", Text, nullable=False),
)
Index("pipeline_alert_deliveries_due", alert_deliveries.c.status, alert_deliveries.c.not_before)

locks = Table(
    "pipeline_locks",
    metadata,
    Column("table_name", Text, primary_key=True),
    Column("partition_key", Text, primary_key=True),
    Column("token", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("acquired_at", Instant, nullable=False),
    Column("heartbeat_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
