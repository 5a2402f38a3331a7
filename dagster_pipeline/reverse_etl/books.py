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

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string, quote_table
from dagster_pipeline.reverse_etl.contract import Contract, SentColumn
from dagster_pipeline.reverse_etl.flow import Flow
from dagster_pipeline.targets.base_target import Row
from dagster_pipeline.targets.changes import DELETE, WRITE, Change, Image, Reject

DATABASE = "reverse_etl"
NO_HASH = "toFixedString('', 16)"
SPILLING = (
    "join_algorithm = 'full_sorting_merge', max_bytes_before_external_sort = 500000000, "
    "max_bytes_before_external_group_by = 500000000, join_use_nulls = 0, "
    "do_not_merge_across_partitions_select_final = 0"
)
"""Both sides of the comparison are sorted, on disk where memory is short, so it may have any size."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How many changes there are.

    Attributes:
        written_before: rows that were written and not deleted by earlier loads.
        refused: changes that are known not to fit.
        longest: bytes of the longest change.
    """

    writes: int
    deletes: int
    refused: int
    written_before: int
    longest: int

    @property
    def changes(self) -> int:
        """What the target is asked to do."""
        return self.writes + self.deletes - self.refused

    @property
    def rows(self) -> int:
        """All changes, those that cannot be done among them."""
        return self.writes + self.deletes


class Books:
    """The tables of one flow."""

    def __init__(self, flow: Flow, contract: Contract, sink: ClickHouseSink) -> None:
        self._flow = flow
        self._contract = contract
        self._sink = sink
        self._keys = [f"k{index}" for index in range(len(contract.key))]
        self._values = [f"v{index}" for index in range(len(contract.columns))]
        self.written = self._table(
            "written",
            [
                *(
                    SinkColumn(name, column.type, column.field.name)
                    for name, column in zip(self._keys, contract.key, strict=True)
                ),
                SinkColumn("row_hash", "FixedString(16)"),
            ],
            key=tuple(self._keys),
        )
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
            ttl=_kept(flow),
        )

    def changes_table(self, load_id: str) -> SinkTable:
        """Where the difference of one load stands."""
        keys = [
            SinkColumn(name, column.type) for name, column in zip(self._keys, self._contract.key, strict=True)
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
            for index, (name, column) in enumerate(zip(self._keys, self._contract.key, strict=True), 1)
        )
        known = f"SELECT {', '.join(self._keys)} FROM {_name(self.written)} FINAL"
        self._sink.command(
            f"INSERT INTO {_name(self.written)} ({', '.join(self._keys)}, row_hash, _version, _deleted) "
            f"SELECT *, {NO_HASH}, {version}, 0 FROM (SELECT {typed} FROM {_name(table)}) "
            f"WHERE ({', '.join(self._keys)}) NOT IN ({known})",
            doing=f"Writing {self.written.full_name}",
        )
        self._sink.drop(DATABASE, table.name)
        return count

    def compute(self, load_id: str, *, every_row: bool) -> Difference:
        """Freeze the difference. `every_row` takes no row for known."""
        table, keys = self.changes_table(load_id), ", ".join(self._keys)
        self._sink.ensure_table(table)
        self._sink.catch_up(self.written)
        columns = ["action", "reason", *self._keys, *self._values, "row_hash"]
        parts = [self._changed(columns, every_row=every_row)]
        if self._flow.file.mode == "mirror":
            parts.append(self._vanished(columns))
        self._sink.command(
            f"INSERT INTO {_name(table)} (seq, {', '.join(columns)}, _version) "
            f"SELECT row_number() OVER (ORDER BY action DESC, {keys}), {', '.join(columns)}, 0 "
            f"FROM ({' UNION ALL '.join(parts)}) SETTINGS {SPILLING}",
            doing=f"Comparing {self._flow.state_name} with what was written last",
        )
        self._sink.catch_up(table)
        lengths = " + ".join(f"length(ifNull({name}, ''))" for name in self._values)
        ((writes, deletes, refused, longest),) = self._sink.rows(
            f"SELECT countIf(action = {WRITE}), countIf(action = {DELETE}), countIf(reason != ''), max({lengths}) "
            f"FROM {_name(table)}"
        )
        return Difference(int(writes), int(deletes), int(refused), self.count_written(), int(longest))

    def refusals(self, load_id: str, *, most: int) -> list[tuple[str, int]]:
        """Why changes are known not to fit, and how many, the commonest reasons first."""
        found = self._sink.rows(
            f"SELECT reason, count() FROM {_name(self.changes_table(load_id))} WHERE reason != '' "
            f"GROUP BY reason ORDER BY count() DESC, reason LIMIT {int(most)}"
        )
        return [(str(reason), int(rows)) for reason, rows in found]

    def doubled(self, load_id: str) -> list[tuple[object, ...]]:
        """Up to five keys of changed rows that the source gives more than once."""
        keys = ", ".join(self._keys)
        changed = (
            f"SELECT {keys} FROM {_name(self.changes_table(load_id))} WHERE action = {WRITE} AND reason = ''"
        )
        return self._sink.rows(
            f"SELECT {keys} FROM (SELECT {self._typed_keys()} FROM ({self._flow.select}) WHERE {self._key_is_there()}) "
            f"WHERE ({keys}) IN ({changed}) GROUP BY {keys} HAVING count() > 1 LIMIT 5 SETTINGS {SPILLING}"
        )

    def page(self, load_id: str, lower: int, upper: int) -> list[Change]:
        """The changes with `lower < seq <= upper`."""
        found = self._sink.rows(
            f"SELECT seq, action, reason, {', '.join(self._values)} FROM {_name(self.changes_table(load_id))} "
            f"WHERE seq > {int(lower)} AND seq <= {int(upper)} ORDER BY seq"
        )
        return [Change(int(seq), int(action), reason, tuple(row)) for seq, action, reason, *row in found]

    def acknowledge(self, load_id: str, lower: int, upper: int, *, but: Sequence[int], version: int) -> None:
        """These changes stand in the target now, but for some."""
        rest = f" AND seq NOT IN ({', '.join(map(str, but))})" if but else ""
        keys = ", ".join(self._keys)
        self._sink.command(
            f"INSERT INTO {_name(self.written)} ({keys}, row_hash, _version, _deleted) "
            f"SELECT {keys}, row_hash, {int(version)}, action = {DELETE} FROM {_name(self.changes_table(load_id))} "
            f"WHERE seq > {int(lower)} AND seq <= {int(upper)}{rest}",
            doing=f"Writing {self.written.full_name}",
        )

    def forget(self, load_id: str, numbers: Sequence[int], *, version: int) -> None:
        """These changes of a load were taken back: what the target holds now was not written by us."""
        if not numbers:
            return
        keys = ", ".join(self._keys)
        typed = ", ".join(
            _typed(f"key[{index}]", column) for index, column in enumerate(self._contract.key, 1)
        )
        self._sink.command(
            f"INSERT INTO {_name(self.written)} ({keys}, row_hash, _version, _deleted) "
            f"SELECT {typed}, {NO_HASH}, {int(version)}, NOT was_there FROM {_name(self.images)} FINAL "
            f"WHERE load = {quote_string(load_id)} AND seq IN ({', '.join(map(str, numbers))})",
            doing=f"Writing {self.written.full_name}",
        )

    def save_images(self, load_id: str, images: Sequence[Image], *, run_id: str, version: int) -> None:
        """Before the target commits, so that no change is without its image."""
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
        self._sink.insert_rows(
            self.images, [*IMAGE_COLUMNS, "_version"], rows, doing=f"Writing {self.images.full_name}"
        )

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

    def _changed(self, columns: Sequence[str], *, every_row: bool) -> str:
        """Rows of the source that are new or other than what was written."""
        sent = ", ".join(
            f"CAST({_said(column.field.outbound.send, column)}, 'Nullable(String)') AS v{index}"
            for index, column in enumerate(self._contract.columns)
        )
        by_name = sorted(zip(self._flow.column_names, self._values, strict=True))
        texts = ", ".join(
            f"{quote_string(name)}, isNull({value}), ifNull({value}, '')" for name, value in by_name
        )
        wanted = (
            f"SELECT {self._typed_keys()}, {sent}, {self._judgement()} AS reason, {WRITE} AS action, "
            f"sipHash128({texts}) AS row_hash FROM ({self._flow.select})"
        )
        if every_row:
            return f"SELECT {', '.join(columns)} FROM ({wanted})"
        keys = ", ".join(self._keys)
        known = f"SELECT {keys}, row_hash AS old_hash FROM {_name(self.written)} FINAL"
        differs = f"old_hash = {NO_HASH}" if self._flow.file.mode == "insert" else "row_hash != old_hash"
        return (
            f"SELECT {', '.join(columns)} FROM ({wanted}) AS wanted LEFT JOIN ({known}) AS known USING ({keys}) "
            f"WHERE {differs}"
        )

    def _vanished(self, columns: Sequence[str]) -> str:
        """Rows that were written and are not in the source any more."""
        keys = ", ".join(self._keys)
        there = f"SELECT {self._typed_keys()}, 1 AS is_there FROM ({self._flow.select}) WHERE {self._key_is_there()}"
        texts = dict.fromkeys(self._values, "CAST(NULL, 'Nullable(String)')")
        for name, column in zip(self._keys, self._contract.key, strict=True):
            send = column.field.outbound.send.replace("{column}", name)
            texts[f"v{column.place}"] = f"CAST({send}, 'Nullable(String)')"
        given = {"action": str(DELETE), "reason": "''", "row_hash": NO_HASH, **texts}
        chosen = ", ".join(f"{given[name]} AS {name}" if name in given else name for name in columns)
        known = f"SELECT {keys} FROM {_name(self.written)} FINAL"
        return (
            f"SELECT {chosen} FROM (SELECT {keys}, is_there FROM ({known}) AS known LEFT JOIN ({there}) AS source "
            f"USING ({keys}) WHERE is_there = 0)"
        )

    def _typed_keys(self) -> str:
        """A row without its key is a reject; until then it has the type's default."""
        return ", ".join(
            f"CAST(assumeNotNull(c{column.place}), {quote_string(column.type)}) AS {name}"
            for name, column in zip(self._keys, self._contract.key, strict=True)
        )

    def _key_is_there(self) -> str:
        return " AND ".join(f"isNotNull(c{column.place})" for column in self._contract.key)

    def _judgement(self) -> str:
        """Why a row cannot be written; empty for one that can."""
        cases: list[str] = []
        for column in self._contract.columns:
            if not column.takes_null or column in self._contract.key:
                what = f"{column.field.name}: is NULL, and the column takes none"
                cases.append(f"isNull(c{column.place}), {quote_string(what)}")
            for guard in column.field.outbound.guards:
                predicate = _said(guard.violated, column)
                what = f"{column.field.name}: {guard.reason}"
                cases.append(f"ifNull({predicate}, 0), {quote_string(what)}")
        return f"multiIf({', '.join(cases)}, '')" if cases else "''"

    def _table(
        self, what: str, columns: Sequence[SinkColumn], *, key: tuple[str, ...], engine: str = "ReplacingMergeTree",
        ttl: str = "",
    ) -> SinkTable:  # fmt: skip
        return flow_table(self._flow, what, columns, key=key, engine=engine, ttl=ttl)


IMAGE_COLUMNS = ("load", "seq", "key", "was_there", "before", "is_there", "after", "run")


def images_table(flow: Flow) -> SinkTable:
    """The before-images of a flow; they do not depend on the key's types."""
    texts = "Map(String, Nullable(String))"
    types = ("String", "UInt64", "Array(String)", "Bool", texts, "Bool", texts, "String")
    columns = [SinkColumn(name, kind) for name, kind in zip(IMAGE_COLUMNS, types, strict=True)]
    return flow_table(flow, "images", columns, key=("load", "seq"), ttl=_kept(flow))


def flow_table(
    flow: Flow,
    what: str,
    columns: Sequence[SinkColumn],
    *,
    key: tuple[str, ...],
    engine: str = "ReplacingMergeTree",
    ttl: str = "",
) -> SinkTable:
    """A table of a flow's books."""
    collapses = engine == "ReplacingMergeTree"
    return SinkTable(
        database=DATABASE,
        name=f"{flow.name}__{what}",
        columns=tuple(columns),
        engine=engine,
        order_by=key,
        partition_by="",
        ttl=ttl,
        settings={},
        comment=f"Of {flow.state_name}.",
        tracks_deletes=what == "written",
        primary_key=key if collapses else (),
    )


def read_images(sink: ClickHouseSink, flow: Flow, load_id: str, *, at_once: int) -> Iterator[list[Image]]:
    """The images of a load, newest change first, `at_once` at a time."""
    table, below = images_table(flow), 2**62
    while True:
        found = sink.rows(
            f"SELECT {', '.join(map(quote_identifier, IMAGE_COLUMNS[1:]))} FROM {_name(table)} FINAL "
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
        f"SELECT load, any(run), max(_synced_at), uniqExact(seq) FROM {_name(images_table(flow))} "
        "GROUP BY load ORDER BY max(_version) DESC"
    )
    return [KeptLoad(str(load), str(run), at, int(rows)) for load, run, at, rows in found]


def _kept(flow: Flow) -> str:
    return f"toDateTime(_synced_at) + INTERVAL {int(flow.file.keep.total_seconds())} SECOND"


def _name(table: SinkTable) -> str:
    return quote_table(table.database, table.name)


def _said(template: str, column: SentColumn) -> str:
    return template.replace("{column}", f"c{column.place}")


def _typed(text: str, column: SentColumn) -> str:
    if column.type.startswith("DateTime"):
        return f"CAST(parseDateTime64BestEffort({text}, 9, 'UTC'), {quote_string(column.type)})"
    return f"CAST({text}, {quote_string(column.type)})"
