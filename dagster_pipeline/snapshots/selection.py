"""The SELECT that finds a snapshot's rows, and the view over all of them. Pure text of ClickHouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dagster_pipeline.connectors.sink.base_sink_connector import VERSION_COLUMN, SinkColumn, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string, quote_table
from dagster_pipeline.connectors.sink.clickhouse.reader_view import Relation
from dagster_pipeline.connectors.sink.clickhouse.window_condition import column_type
from dagster_pipeline.schema.snapshot_files import DATE_COLUMN, TABLE_IN_QUERY, Snapshot, Strategy
from dagster_pipeline.snapshots.periods import Period


def rows_of(snapshot: Snapshot, period: Period, tables: Mapping[str, SinkTable]) -> str:
    """The rows of a period's end, without `_snapshot_date`; `tables` are those that the snapshot reads, by name."""
    source = snapshot.file.source
    if source.query is not None:
        return _with_values(source.query, period, tables)
    table = tables[source.table or ""]
    relation = Relation(table)
    columns = ", ".join(quote_identifier(column.name) for column in snapshot.columns)
    where = f"({source.where})" if source.where else ""
    match snapshot.file.strategy:
        case Strategy.QUERY:
            return f"SELECT {columns} FROM {relation.name}{relation.where(where)}"
        case Strategy.APPEND:
            return f"SELECT {columns} FROM {relation.name}{relation.where(_before(snapshot, period, table), where)}"
        case Strategy.TIMESTAMP:
            newest = _newest_of_each_key(snapshot, relation, _before(snapshot, period, table))
            return f"SELECT {columns} FROM ({newest}){f' WHERE {where}' if where else ''}"


def _newest_of_each_key(snapshot: Snapshot, relation: Relation, before: str) -> str:
    """Of states with the same time the one that was loaded last; `where` looks at what is left, not at older states."""
    keys = ", ".join(map(quote_identifier, snapshot.key))
    since = quote_identifier(snapshot.file.timestamp or "")
    return (
        f"SELECT * FROM {relation.name}{relation.where(before)} "
        f"ORDER BY {keys}, {since} DESC, {quote_identifier(VERSION_COLUMN)} DESC LIMIT 1 BY {keys}"
    )


def _before(snapshot: Snapshot, period: Period, table: SinkTable) -> str:
    name = snapshot.file.timestamp or ""
    type_ = column_type(table, name)
    if type_.startswith("Date") and not type_.startswith("DateTime"):
        return f"{quote_identifier(name)} <= toDate32({quote_string(period.last.isoformat())})"
    return f"{quote_identifier(name)} < {_moment(period)}"


def _moment(period: Period) -> str:
    return f"toDateTime64({quote_string(f'{period.ends:%F %T}')}, 6, 'UTC')"


def _with_values(query: str, period: Period, tables: Mapping[str, SinkTable]) -> str:
    filled = query.strip().replace("{snapshot_date}", f"toDate({quote_string(period.last.isoformat())})")
    filled = filled.replace("{snapshot_end}", _moment(period))
    return TABLE_IN_QUERY.sub(lambda found: Relation(tables[found[1]]).as_table(), filled)


def history(
    table: SinkTable, columns: Sequence[SinkColumn], key: Sequence[str], watched: Sequence[str]
) -> str:
    """The SELECT of a slowly-changing view: a row for each unbroken span in which a key's watched columns stayed alike.

    `valid_from` is the date of the span's first snapshot, `valid_to` that of the first one that shows something else for
    the key, or nothing; NULL while the span holds in the newest snapshot. States are compared by a hash of 128 bits of
    their text. Columns that are not watched have the values of the span's last snapshot. Snapshots are numbered by date
    (`__n`), so that one that was never taken does not end a span.
    """
    name, date = quote_table(table.database, table.name), quote_identifier(DATE_COLUMN)
    keys = ", ".join(map(quote_identifier, key))
    state = ", ".join(map(quote_identifier, watched))
    values = [
        f"argMax(tuple({column}), __n).1 AS {column}"
        for column in (quote_identifier(each.name) for each in columns if each.name not in key)
    ]
    over = f"OVER (PARTITION BY {keys} ORDER BY __n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    dates = (
        f"SELECT {date}, row_number() OVER (ORDER BY {date}) AS __n, "
        f"nullIf(leadInFrame({date}) OVER (ORDER BY {date} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), "
        f"toDate(0)) AS __next FROM (SELECT DISTINCT {date} FROM {name})"
    )
    states = (
        f"SELECT __rows.*, __n, __next, sipHash128(toString(tuple({state}))) AS __state "
        f"FROM {name} AS __rows INNER JOIN ({dates}) AS __dates USING ({date})"
    )
    # The frame's first row has no row before it: its own number, which is no predecessor's, begins a span.
    starts = (
        f"SELECT *, lagInFrame(__n, 1, __n) {over} + 1 != __n "
        f"OR lagInFrame(__state, 1, __state) {over} != __state AS __starts FROM ({states})"
    )
    spans = f"SELECT *, sum(__starts) {over} AS __span FROM ({starts})"
    return (
        f"SELECT {', '.join([keys, *values])}, min({date}) AS valid_from, argMax(tuple(__next), __n).1 AS valid_to "
        f"FROM ({spans}) GROUP BY {keys}, __span"
    )
