"""Statements about loads and their chunks. Each function works inside its caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, select, update

from dagster_pipeline.errors import FatalError
from dagster_pipeline.state.records import Chunk, ChunkStatus, Load, LoadStatus, PastLoad, for_people
from dagster_pipeline.state.tables import chunks, loads

Key = tuple[str, str]
"""Table and partition."""


def add(connection: Connection, load: Load) -> None:
    """Record a load and its ledger. The table must be claimed. Raises `FatalError` when another one is open."""
    at = (loads.c.table_name == load.table, loads.c.partition_key == load.partition)
    other = connection.execute(select(loads.c.load_id).where(*at, loads.c.status == LoadStatus.OPEN)).scalar()
    if other:
        raise FatalError(
            f"Load {load.load_id} of {for_people(load.table, load.partition)} cannot be opened: load {other} is open.",
            todo="That one must be resumed or abandoned; `python -m dagster_pipeline state reset` abandons it.",
        )
    newest = select(func.coalesce(func.max(loads.c.load_number), 0)).where(loads.c.table_name == load.table)
    connection.execute(
        insert(loads).values(
            load_id=load.load_id,
            load_number=newest.scalar_subquery() + 1,
            table_name=load.table,
            partition_key=load.partition,
            kind=load.kind,
            read_window=load.window,
            advance_to=load.advance_to,
            fingerprint=load.fingerprint,
            staging=load.staging,
            staging_id=load.staging_id,
            status=LoadStatus.OPEN,
            created_at=load.created_at,
        )
    )
    if load.chunks:
        connection.execute(insert(chunks), [_chunk_row(load.load_id, chunk) for chunk in load.chunks])


def open_loads(connection: Connection, *which: ColumnElement[bool]) -> dict[Key, Load]:
    """The open loads with their ledgers, by table and partition."""
    rows = connection.execute(select(loads).where(loads.c.status == LoadStatus.OPEN, *which)).all()
    ledgers: dict[str, list[Chunk]] = defaultdict(list)
    query = select(chunks).where(chunks.c.load_id.in_([row.load_id for row in rows]))
    for row in connection.execute(query.order_by(chunks.c.load_id, chunks.c.chunk_index)) if rows else ():
        ledgers[row.load_id].append(_chunk(row))
    return {(row.table_name, row.partition_key): _load(row, ledgers[row.load_id]) for row in rows}


def past_loads(connection: Connection, newest: int) -> tuple[PastLoad, ...]:
    """The newest done loads of every table and partition, each with the sums of its ledger, newest first."""
    key = (loads.c.table_name, loads.c.partition_key)
    age = func.row_number().over(partition_by=key, order_by=loads.c.load_number.desc()).label("age")
    done = select(loads, age).where(loads.c.status == LoadStatus.DONE).subquery()
    sums = (func.sum(chunks.c.row_count), func.sum(chunks.c.byte_count), func.sum(chunks.c.seconds))
    facts = (done.c.table_name, done.c.partition_key, done.c.kind, done.c.created_at)
    query = (
        select(*facts, func.count(), *sums)
        .join(chunks, chunks.c.load_id == done.c.load_id)
        .where(done.c.age <= newest)
        .group_by(*facts, done.c.load_id, done.c.age)
        .order_by(done.c.table_name, done.c.partition_key, done.c.age)
    )
    return tuple(
        PastLoad(table, partition, kind, created_at, count, int(rows), int(bytes_), float(seconds))
        for table, partition, kind, created_at, count, rows, bytes_, seconds in connection.execute(query)
    )


def start(connection: Connection, load_id: str, index: int) -> None:
    """A planned chunk is started; so is one that a dead run had started. Raises `FatalError` for any other."""
    _require_open(connection, load_id)
    unfinished = chunks.c.status.in_((ChunkStatus.PLANNED, ChunkStatus.STARTED))
    _change(connection, load_id, index, unfinished, status=ChunkStatus.STARTED)


def commit(
    connection: Connection, load_id: str, index: int, *, rows: int, bytes_: int, seconds: float
) -> None:
    """A started chunk is done. Raises `FatalError` for any other."""
    _require_open(connection, load_id)
    started = chunks.c.status == ChunkStatus.STARTED
    written = {"row_count": rows, "byte_count": bytes_, "seconds": seconds}
    _change(connection, load_id, index, started, status=ChunkStatus.DONE, **written)


def close(connection: Connection, load_id: str) -> Row[Any]:
    """Mark an open load as done and return its row. Raises `FatalError` when a chunk of it is not."""
    load = _require_open(connection, load_id, alone=True)
    undone = select(func.count()).where(chunks.c.load_id == load_id, chunks.c.status != ChunkStatus.DONE)
    if count := connection.execute(undone).scalar_one():
        raise FatalError(
            f"Load {load_id} of {for_people(*_key(load))} cannot be closed: {count} chunk(s) are not done."
        )
    connection.execute(update(loads).where(loads.c.load_id == load_id).values(status=LoadStatus.DONE))
    return load


def abandon(connection: Connection, load_id: str) -> None:
    """An open load is abandoned; nothing happens when it is already. Raises `FatalError` when it is done."""
    load = _find(connection, load_id, alone=True)
    if load.status == LoadStatus.DONE:
        raise FatalError(f"Load {load_id} of {for_people(*_key(load))} is done, so it cannot be abandoned.")
    connection.execute(update(loads).where(loads.c.load_id == load_id).values(status=LoadStatus.ABANDONED))


def abandon_open(connection: Connection, table: str, partition: str) -> None:
    """Abandon the load that is open there, if any."""
    at = (loads.c.table_name == table, loads.c.partition_key == partition, loads.c.status == LoadStatus.OPEN)
    connection.execute(update(loads).where(*at).values(status=LoadStatus.ABANDONED))


def count_prunable(connection: Connection, before: datetime) -> int:
    """How many loads `prune` would remove."""
    return int(connection.execute(select(func.count()).select_from(_old(before).subquery())).scalar_one())


def prune(connection: Connection, before: datetime) -> int:
    """Remove finished loads opened before that moment, but for each table and partition's newest of either kind."""
    removed = connection.execute(delete(loads).where(loads.c.load_id.in_(_old(before)))).rowcount
    ledger_of = select(loads.c.load_id).where(loads.c.load_id == chunks.c.load_id)
    connection.execute(delete(chunks).where(~ledger_of.exists()))
    return removed


def remove(connection: Connection, load_id: str) -> None:
    """Delete a load with its ledger, if it is known."""
    connection.execute(delete(chunks).where(chunks.c.load_id == load_id))
    connection.execute(delete(loads).where(loads.c.load_id == load_id))


def _old(before: datetime) -> Select[tuple[str]]:
    kind = (loads.c.table_name, loads.c.partition_key, loads.c.status)
    age = func.row_number().over(partition_by=kind, order_by=loads.c.load_number.desc()).label("age")
    ranked = select(loads.c.load_id, loads.c.status, loads.c.created_at, age).subquery()
    return select(ranked.c.load_id).where(
        ranked.c.age > 1, ranked.c.status != LoadStatus.OPEN, ranked.c.created_at < before
    )


def _find(connection: Connection, load_id: str, *, alone: bool) -> Row[Any]:
    """The load's row, held until the transaction ends: `alone`, or together with others that keep it as it is."""
    query = select(loads).where(loads.c.load_id == load_id).with_for_update(read=not alone)
    load = connection.execute(query).one_or_none()
    if load is None:
        raise FatalError(f"The state store knows no load {load_id}.")
    return load


def _require_open(connection: Connection, load_id: str, *, alone: bool = False) -> Row[Any]:
    load = _find(connection, load_id, alone=alone)
    if load.status != LoadStatus.OPEN:
        raise FatalError(
            f"Load {load_id} of {for_people(*_key(load))} is {load.status}, not open.",
            todo="Another run or a person has ended it; the next run starts from where the table stands.",
        )
    return load


def _change(
    connection: Connection, load_id: str, index: int, allowed: ColumnElement[bool], **values: object
) -> None:
    at = (chunks.c.load_id == load_id, chunks.c.chunk_index == index)
    if connection.execute(update(chunks).where(*at, allowed).values(**values)).rowcount:
        return
    status = connection.execute(select(chunks.c.status).where(*at)).scalar()
    raise FatalError(
        f"Chunk {index} of load {load_id} cannot become {values['status']}: it is {status or 'not in the ledger'}."
    )


def _key(load: Row[Any]) -> Key:
    return load.table_name, load.partition_key


def _chunk_row(load_id: str, chunk: Chunk) -> dict[str, object]:
    return {
        "load_id": load_id,
        "chunk_index": chunk.index,
        "key_range": chunk.key_range,
        "status": chunk.status,
        "row_count": chunk.rows,
        "byte_count": chunk.bytes,
        "seconds": chunk.seconds,
    }


def _chunk(row: Row[Any]) -> Chunk:
    return Chunk(
        index=row.chunk_index,
        key_range=row.key_range,
        status=ChunkStatus(row.status),
        rows=row.row_count,
        bytes=row.byte_count,
        seconds=row.seconds,
    )


def _load(row: Row[Any], ledger: Iterable[Chunk]) -> Load:
    return Load(
        load_id=row.load_id,
        table=row.table_name,
        partition=row.partition_key,
        kind=row.kind,
        window=row.read_window,
        advance_to=row.advance_to,
        fingerprint=row.fingerprint,
        staging=row.staging,
        staging_id=row.staging_id,
        status=LoadStatus(row.status),
        created_at=row.created_at,
        chunks=tuple(ledger),
    )
