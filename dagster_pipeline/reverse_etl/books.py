"""What the warehouse remembers of a flow, in the database `reverse_etl`: statements and tables, no decision.

| table | holds |
|---|---|
| `<flow>__written` | key and row hash of every row as it was last written: the difference to the source is one query |
| `<flow>__changes_<load>` | the difference of one load, frozen and numbered in key order; dropped at its end |
| `<flow>__images` | what a row was before a load and is after it, for `undo`; kept for `keep` |
| `<flow>__rejects` | rows that were not written, and why; kept for `keep` |

All of it can be lost without harm to the target: without `__written` every row counts as changed, is read from the target
once, and written where it differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_string
from dagster_pipeline.reverse_etl.agreement import Agreement, SentColumn
from dagster_pipeline.reverse_etl.book_tables import DATABASE, flow_table, kept, quoted
from dagster_pipeline.reverse_etl.difference import NO_HASH, SPILLING, DifferenceQuery, DifferenceSize
from dagster_pipeline.reverse_etl.flow import Flow
from dagster_pipeline.reverse_etl.images import images_table, save_images
from dagster_pipeline.targets.base_target import Row
from dagster_pipeline.targets.changes import DELETE, WRITE, Change, Image, Reject


class Books:
    """The tables of one flow."""

    def __init__(self, flow: Flow, agreement: Agreement, sink: ClickHouseSink) -> None:
        self._flow = flow
        self._agreement = agreement
        self._sink = sink
        self._keys = agreement.key_names
        self._values = agreement.value_names
        self.written = self._table(
            "written",
            [
                *(
                    SinkColumn(name, column.type, column.field.name)
                    for name, column in zip(self._keys, agreement.key, strict=True)
                ),
                SinkColumn("row_hash", "FixedString(16)"),
            ],
            key=tuple(self._keys),
        )
        self._query = DifferenceQuery(flow, agreement, self.written)
        self.images = images_table(flow)
        self.rejects = self._table(
            "rejects",
            [
                SinkColumn("load", "String"),
                SinkColumn("seq", "UInt64"),
                SinkColumn("reason", "String"),
                SinkColumn("row", "Map(String, Nullable(String))"),
            ],
            key=("load", "seq"),
            ttl=kept(flow),
        )

    def changes_table(self, load_id: str) -> SinkTable:
        """Where the difference of one load stands."""
        keys = [
            SinkColumn(name, column.type)
            for name, column in zip(self._keys, self._agreement.key, strict=True)
        ]
        values = [SinkColumn(name, "Nullable(String)") for name in self._values]
        first = [SinkColumn("seq", "UInt64"), SinkColumn("action", "UInt8"), SinkColumn("reason", "String")]
        columns = [*first, *keys, *values, SinkColumn("row_hash", "FixedString(16)")]
        return self._table(f"changes_{load_id}", columns, key=("seq",), engine="MergeTree")

    def ensure(self) -> None:
        """Create what is missing. Raises `ConfigurationError` when the key's types have changed."""
        for table in (self.written, self.images, self.rejects):
            self._sink.ensure_table(table)

    def drop_changes(self) -> None:
        """Drop the differences of all loads: the caller holds the flow's lock, so none of them is at work."""
        found = self._sink.rows(
            "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, {start:String})",
            {"database": DATABASE, "start": f"{self._flow.name}__changes_"},
        )
        for (name,) in found:
            self._sink.drop(DATABASE, str(name))

    def remember_keys(self, keys: Iterable[Sequence[Row]], *, version: int) -> int:
        """Enter the target's own rows as if they had been written with values that nobody knows; how many were new."""
        table = self._table(
            "keys", [SinkColumn("texts", "Array(String)")], key=("texts",), engine="MergeTree"
        )
        self._sink.drop(DATABASE, table.name)
        self._sink.ensure_table(table)
        count = 0
        for rows in keys:
            texts = [([text or "" for text in row], version) for row in rows]
            self._sink.insert_rows(table, ["texts", "_version"], texts, doing=f"Writing {table.full_name}")
            count += len(rows)
        typed = ", ".join(
            f"{_typed(f'texts[{index}]', column)} AS {name}"
            for index, (name, column) in enumerate(zip(self._keys, self._agreement.key, strict=True), 1)
        )
        known = f"SELECT {', '.join(self._keys)} FROM {quoted(self.written)} FINAL"
        self._sink.command(
            f"INSERT INTO {quoted(self.written)} ({', '.join(self._keys)}, row_hash, _version, _deleted) "
            f"SELECT *, {NO_HASH}, {version}, 0 FROM (SELECT {typed} FROM {quoted(table)}) "
            f"WHERE ({', '.join(self._keys)}) NOT IN ({known})",
            doing=f"Writing {self.written.full_name}",
        )
        self._sink.drop(DATABASE, table.name)
        return count

    def compute(self, load_id: str, *, every_row: bool) -> DifferenceSize:
        """Freeze the difference. `every_row` takes no row for known."""
        table, keys = self.changes_table(load_id), ", ".join(self._keys)
        self._sink.ensure_table(table)
        self._sink.catch_up(self.written)
        columns = ["action", "reason", *self._keys, *self._values, "row_hash"]
        parts = [self._query.changed(columns, every_row=every_row)]
        if self._flow.file.mode == "mirror":
            parts.append(self._query.vanished(columns))
        self._sink.command(
            f"INSERT INTO {quoted(table)} (seq, {', '.join(columns)}, _version) "
            f"SELECT row_number() OVER (ORDER BY action DESC, {keys}), {', '.join(columns)}, 0 "
            f"FROM ({' UNION ALL '.join(parts)}) SETTINGS {SPILLING}",
            doing=f"Comparing {self._flow.state_name} with what was written last",
        )
        self._sink.catch_up(table)
        lengths = " + ".join(f"length(ifNull({name}, ''))" for name in self._values)
        ((writes, deletes, refused, longest),) = self._sink.rows(
            f"SELECT countIf(action = {WRITE}), countIf(action = {DELETE}), countIf(reason != ''), max({lengths}) "
            f"FROM {quoted(table)}"
        )
        return DifferenceSize(int(writes), int(deletes), int(refused), self.count_written(), int(longest))

    def refusals(self, load_id: str, *, most: int) -> list[tuple[str, int]]:
        """Why changes are known not to fit, and how many, the commonest reasons first."""
        found = self._sink.rows(
            f"SELECT reason, count() FROM {quoted(self.changes_table(load_id))} WHERE reason != '' "
            f"GROUP BY reason ORDER BY count() DESC, reason LIMIT {int(most)}"
        )
        return [(str(reason), int(rows)) for reason, rows in found]

    def doubled(self, load_id: str) -> list[tuple[object, ...]]:
        """Up to five keys of changed rows that the source gives more than once."""
        return self._sink.rows(self._query.doubled(self.changes_table(load_id)))

    def page(self, load_id: str, lower: int, upper: int) -> list[Change]:
        """The changes with `lower < seq <= upper`."""
        found = self._sink.rows(
            f"SELECT seq, action, reason, {', '.join(self._values)} FROM {quoted(self.changes_table(load_id))} "
            f"WHERE seq > {int(lower)} AND seq <= {int(upper)} ORDER BY seq"
        )
        return [Change(int(seq), int(action), reason, tuple(row)) for seq, action, reason, *row in found]

    def acknowledge(self, load_id: str, lower: int, upper: int, *, but: Sequence[int], version: int) -> None:
        """These changes stand in the target now, but for some."""
        rest = f" AND seq NOT IN ({', '.join(map(str, but))})" if but else ""
        keys = ", ".join(self._keys)
        self._sink.command(
            f"INSERT INTO {quoted(self.written)} ({keys}, row_hash, _version, _deleted) "
            f"SELECT {keys}, row_hash, {int(version)}, action = {DELETE} FROM {quoted(self.changes_table(load_id))} "
            f"WHERE seq > {int(lower)} AND seq <= {int(upper)}{rest}",
            doing=f"Writing {self.written.full_name}",
        )

    def forget(self, load_id: str, numbers: Sequence[int], *, version: int) -> None:
        """These changes of a load were taken back: what the target holds now was not written by us."""
        if not numbers:
            return
        keys = ", ".join(self._keys)
        typed = ", ".join(
            _typed(f"key[{index}]", column) for index, column in enumerate(self._agreement.key, 1)
        )
        self._sink.command(
            f"INSERT INTO {quoted(self.written)} ({keys}, row_hash, _version, _deleted) "
            f"SELECT {typed}, {NO_HASH}, {int(version)}, NOT was_there FROM {quoted(self.images)} FINAL "
            f"WHERE load = {quote_string(load_id)} AND seq IN ({', '.join(map(str, numbers))})",
            doing=f"Writing {self.written.full_name}",
        )

    def save_images(self, load_id: str, images: Sequence[Image], *, run_id: str, version: int) -> None:
        """Before the target commits, so that no change is without its image."""
        save_images(self._sink, self._flow, load_id, images, run_id=run_id, version=version)

    def save_rejects(self, load_id: str, rejects: Sequence[Reject], *, version: int) -> None:
        """Written again under the same number when a load is repeated."""
        names = self._flow.column_names
        rows = [
            (
                load_id,
                reject.change.seq,
                reject.reason,
                dict(zip(names, reject.change.values, strict=True)),
                version,
            )
            for reject in rejects
        ]
        self._sink.insert_rows(
            self.rejects,
            ["load", "seq", "reason", "row", "_version"],
            rows,
            doing=f"Writing {self.rejects.full_name}",
        )

    def count_written(self) -> int:
        """Rows that were written and not deleted."""
        return self._sink.count_rows(self.written)

    def _table(
        self, what: str, columns: Sequence[SinkColumn], *, key: tuple[str, ...], engine: str = "ReplacingMergeTree",
        ttl: str = "",
    ) -> SinkTable:  # fmt: skip
        return flow_table(self._flow, what, columns, key=key, engine=engine, ttl=ttl)


def _typed(text: str, column: SentColumn) -> str:
    if column.type.startswith("DateTime"):
        return f"CAST(parseDateTime64BestEffort({text}, 9, 'UTC'), {quote_string(column.type)})"
    return f"CAST({text}, {quote_string(column.type)})"
