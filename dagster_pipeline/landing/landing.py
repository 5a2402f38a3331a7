"""Lands one delivery: all of its rows become visible, once, or none of them. Read `land` from the top.

A delivery that fits into one block is one atomic insert under its own token. A larger one fills a staging table, which is
complete before any row of it is moved to where readers look; moving renames parts and copies nothing.

Why a crash anywhere is harmless:
- before the load is in the ledger, nothing was written;
- an atomic insert that nobody knows the end of is repeated under the same token, which the sink takes once;
- a staging table that was not filled to its end is filled anew;
- moving may be repeated (`LandingSink.absorb`), and only the ledger's last line ends it;
- the position of the delivery moves in the same transaction that closes the load;
- when the delivery or the table's file changed in the meantime, the rows of the load that was left are removed by their
  `_version`, which belongs to them alone, before anything else is written.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dagster_pipeline.connectors.batch import WHOLE_TABLE, Batch, Window, WireFormat
from dagster_pipeline.connectors.sink.base_sink_connector import VERSION_COLUMN, SinkTable, WriteRequest
from dagster_pipeline.connectors.sink.landing_sink import LandingSink
from dagster_pipeline.connectors.sources.base_delivery_source import BaseDeliverySource, Delivery, Findings
from dagster_pipeline.landing.destination import shape_mark
from dagster_pipeline.landing.result import Landed
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock
from dagster_pipeline.state.records import Chunk, ChunkStatus, Load, LoadStatus
from dagster_pipeline.sync.destination import staging_name
from dagster_pipeline.sync.shrink_guard import refuse_shrink

ONE_BLOCK_BYTES = 64 << 20
"""What is held here, and by the warehouse, for a delivery that is one block; a larger one streams."""

FILL, MOVE = 0, 1
"""Lines of a load's ledger: the rows are in the table or its staging table; they were moved from there."""


@dataclass(frozen=True, kw_only=True)
class Landing:
    """Lands deliveries of one table, several at a time.

    Attributes:
        name: the table's name in the state store.
        table: as the sink has it; it exists.
        lock: held for as long as this object is used.
        comment: names table and run in statements.
        by_warehouse: lets the warehouse itself read a delivery into a table; `None` streams it through us.
        replaces: a delivery is all that the table is to hold: its staging table takes the table's place.
        allow_shrink: let a table be replaced by a much smaller one.
    """

    name: str
    table: SinkTable
    source: BaseDeliverySource
    sink: LandingSink
    state: BaseStateStore
    lock: TableLock
    comment: str
    by_warehouse: Callable[[Delivery, WriteRequest], int] | None = None
    replaces: bool = False
    allow_shrink: bool = False

    def land(self, delivery: Delivery, version: int) -> Landed:
        """Land it. `version` was given out for it, in the order in which deliveries are to win over each other."""
        left = self.state.read(self.name, delivery.name).open_load
        mark = f"{delivery.identity} {shape_mark(self.table, self.source.columns, repr(ONE_BLOCK_BYTES))}"
        if left is not None and (left.fingerprint != mark or not self._can_go_on(left)):
            self.undo(left)
            left = None
        if left is not None and left.staging and left.chunks[FILL].status is ChunkStatus.DONE:
            landed = self._move(left, delivery, Findings())
        else:
            landed = self._fill(delivery, mark, left, version)
        return replace(landed, resumed=left is not None)

    def _fill(self, delivery: Delivery, mark: str, left: Load | None, version: int) -> Landed:
        findings = Findings()
        if self.by_warehouse is not None:
            load = left or self._open(delivery, mark, version, staged=True)
            request = self._request(self._empty_staging(load), load)
            self.state.start_chunk(load.load_id, FILL)
            rows = self.by_warehouse(delivery, request)
            self.state.commit_chunk(load.load_id, FILL, rows=rows, bytes_=delivery.bytes, seconds=0.0)
            return self._move(self._as_recorded(delivery), delivery, findings)
        with self.source.stream(delivery, findings) as batches:
            first, rest = _one_block(batches)
            load = left or self._open(delivery, mark, version, staged=self.replaces or rest is not None)
            if rest is None and not load.staging:
                return self._insert(load, first, delivery, findings)
            self._fill_staging(load, itertools.chain(first, rest or ()))
        return self._move(self._as_recorded(delivery), delivery, findings)

    def _insert(self, load: Load, batches: list[Batch], delivery: Delivery, findings: Findings) -> Landed:
        """One block, under the load's token."""
        self.lock.assert_held()
        self.state.start_chunk(load.load_id, FILL)
        request = replace(self._request(self.table, load), atomic=True, token=load.token(load.chunks[FILL]))
        receipt = self.sink.write(request, batches)
        self.lock.assert_held()
        self.state.commit_chunk(
            load.load_id, FILL, rows=receipt.rows, bytes_=receipt.bytes, seconds=receipt.seconds
        )
        self.state.close_load(load.load_id, rows=receipt.rows)
        return Landed.of(delivery, rows=receipt.rows, version=_version_of(load), findings=findings)

    def _fill_staging(self, load: Load, batches: Iterable[Batch]) -> None:
        staging = self._empty_staging(load)
        self.state.start_chunk(load.load_id, FILL)
        receipt = self.sink.write(self._request(staging, load), batches)
        self.lock.assert_held()
        self.state.commit_chunk(
            load.load_id, FILL, rows=receipt.rows, bytes_=receipt.bytes, seconds=receipt.seconds
        )

    def _move(self, load: Load, delivery: Delivery, findings: Findings) -> Landed:
        """From the staging table to where readers look."""
        self.lock.assert_held()
        rows = load.chunks[FILL].rows
        self.state.start_chunk(load.load_id, MOVE)
        staging = replace(self.table, name=load.staging)
        if not self.replaces:
            self.sink.absorb(self.table, staging, lock=self.lock.assert_held)
        elif self._id_of(self.table.name) != load.staging_id:  # else a killed run has put it there already
            if not self.allow_shrink:
                refuse_shrink(
                    self.table.full_name,
                    now=self.sink.count_rows(self.table),
                    then=self.sink.count_rows(staging),
                )
            self.sink.swap(self.table, staging)
        self.lock.assert_held()
        self.state.commit_chunk(load.load_id, MOVE, rows=0, bytes_=0, seconds=0.0)
        self.state.close_load(load.load_id, rows=rows)
        self.sink.drop(self.table.database, load.staging)
        return Landed.of(delivery, rows=rows, version=_version_of(load), findings=findings)

    def _open(self, delivery: Delivery, mark: str, version: int, *, staged: bool) -> Load:
        """Record what is about to be done; nothing was written yet."""
        load_id = uuid.uuid4().hex[:12]
        lines = (FILL, MOVE) if staged else (FILL,)
        staging = staging_name(self.table.name, load_id) if staged else ""
        if self.replaces:
            self.sink.create_staging(self.table, staging)
        load = Load(
            load_id=load_id,
            table=self.name,
            partition=delivery.name,
            kind="delivery",
            window=Window(VERSION_COLUMN, lower=str(version), upper=str(version)),
            advance_to=delivery.identity,
            fingerprint=mark,
            staging=staging,
            staging_id=self._id_of(staging) if self.replaces else "",
            status=LoadStatus.OPEN,
            created_at=datetime.now(UTC),
            chunks=tuple(Chunk(line, WHOLE_TABLE) for line in lines),
        )
        self.lock.assert_held()
        self.state.open_load(load)
        return load

    def _can_go_on(self, left: Load) -> bool:
        """Whether what an earlier run wrote is still where it was put."""
        if self.replaces:
            return left.staging_id in {self._id_of(left.staging), self._id_of(self.table.name)}
        filled = left.staging and left.chunks[FILL].status is ChunkStatus.DONE
        return not filled or bool(self._id_of(left.staging))

    def undo(self, left: Load) -> None:
        """Take back whatever a load that cannot be gone on with may have written."""
        self.lock.assert_held()
        if not self.replaces and any(chunk.status is not ChunkStatus.PLANNED for chunk in left.chunks):
            self.sink.remove_version(self.table, _version_of(left))
        if left.staging:
            self.sink.drop(self.table.database, left.staging)
        self.state.abandon_load(left.load_id)

    def _as_recorded(self, delivery: Delivery) -> Load:
        load = self.state.read(self.name, delivery.name).open_load
        assert load is not None, "a load that was just written is open"  # noqa: S101 -- for the type checker
        return load

    def _id_of(self, name: str) -> str:
        return self.sink.table_id(self.table.database, name)

    def _empty_staging(self, load: Load) -> SinkTable:
        self.lock.assert_held()
        if self.replaces:
            staging = replace(self.table, name=load.staging)
            self.sink.truncate(staging)  # it keeps its identity, which is in the ledger
            return staging
        self.sink.drop(self.table.database, load.staging)
        return self.sink.create_like(self.table, load.staging)

    def _request(self, table: SinkTable, load: Load) -> WriteRequest:
        return WriteRequest(
            table=table,
            columns=self.source.columns,
            wire_format=WireFormat.ARROW_STREAM,
            version=_version_of(load),
            token="",
            query_comment=self.comment,
        )


def _version_of(load: Load) -> int:
    """The `_version` of all rows of the load, and of no others."""
    return int(load.window.lower or 0)


def _one_block(
    batches: Generator[Batch, None, None],
) -> tuple[list[Batch], Generator[Batch, None, None] | None]:
    """The first batches, and the rest when there is more than one block of them."""
    first, held = [], 0
    for batch in batches:
        first.append(batch)
        held += len(batch.payload)
        if held > ONE_BLOCK_BYTES:
            return first, batches
    return first, None
