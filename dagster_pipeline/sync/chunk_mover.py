"""Moves the chunks of one load, several at a time: read, write as one insert, commit after the acknowledgement."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

import tenacity

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.sink.base_sink_connector import BaseSinkConnector, WriteRequest
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector, ReadRequest
from dagster_pipeline.errors import RetriableError
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock
from dagster_pipeline.state.records import Chunk, Load
from dagster_pipeline.sync.progress import ProgressMeter
from dagster_pipeline.sync.quarantine import Quarantine
from dagster_pipeline.sync.result import Moved

POLL_SECONDS = 0.25
"""How often the main thread looks up: signals arrive only there, and progress is said from there."""

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class ChunkMover:
    """One load's movement.

    Attributes:
        read, write: the requests of every chunk, but for its key range and token.
        quarantine: where rows go that were left out.
        attempts: how often a chunk is tried before a passing error is passed on; 1 where it cannot be written twice.
    """

    source: BaseSourceConnector
    sink: BaseSinkConnector
    state: BaseStateStore
    lock: TableLock
    meter: ProgressMeter
    load: Load
    read: ReadRequest
    write: WriteRequest
    attempts: int
    quarantine: Quarantine | None = None

    def move_all(self, chunks: Sequence[Chunk], *, parallelism: int, limit: int | None = None) -> Moved:
        """Move these chunks; none is begun when `limit` rows were read.

        The first error stops what has not begun, lets what runs finish, and is raised.
        """
        stop = threading.Event()
        pool = ThreadPoolExecutor(max_workers=min(parallelism, len(chunks)), thread_name_prefix="chunk")
        futures = [pool.submit(self._move, chunk, stop, limit) for chunk in chunks]
        try:
            self._wait(futures)
        except BaseException as error:
            stop.set()
            if not isinstance(error, Exception):  # an interrupt must not wait for a slow statement
                self.source.close()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return sum((future.result() for future in futures), Moved())

    def _wait(self, futures: list[Future[Moved]]) -> None:
        waiting = set(futures)
        while waiting:
            done, waiting = wait(waiting, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            self.meter.say()

    def _move(self, chunk: Chunk, stop: threading.Event, limit: int | None) -> Moved:
        if limit is not None and self.meter.rows >= limit:
            return Moved()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RetriableError),
            stop=tenacity.stop_after_attempt(self.attempts) | tenacity.stop_when_event_set(stop),
            wait=tenacity.wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
            sleep=tenacity.sleep_using_event(stop),
            reraise=True,
        )
        return retrying(self._move_once, chunk)

    def _move_once(self, chunk: Chunk) -> Moved:
        self.lock.assert_held()
        self.state.start_chunk(self.load.load_id, chunk.index)
        tally, read = _Tally(), replace(self.read, key_range=chunk.key_range)
        with self.source.stream(read) as batches:
            receipt = self.sink.write(
                replace(self.write, token=self.load.token(chunk)),
                self.meter.counted(tally.of(batches)),
            )
        if tally.set_aside:
            self._keep(read, tally)
        self.lock.assert_held()  # a process that stood still must not count what another one writes again
        self.state.commit_chunk(
            self.load.load_id, chunk.index, rows=receipt.rows, bytes_=receipt.bytes, seconds=receipt.seconds
        )
        self.meter.chunk_done()
        query_ids = (receipt.query_id,) if receipt.query_id else ()
        return Moved(
            rows=receipt.rows,
            bytes=receipt.bytes,
            chunks=1,
            coerced=dict(tally.coerced),
            set_aside=tally.set_aside,
            set_aside_by=dict(tally.set_aside_by),
            query_ids=query_ids,
        )

    def _keep(self, read: ReadRequest, tally: _Tally) -> None:
        if self.quarantine is None:
            raise AssertionError("a row was left out and nobody wants it")
        self.quarantine.keep(read, tally.set_aside_by, load_id=self.load.load_id, version=self.write.version)


@dataclass(slots=True)
class _Tally:
    """What the batches of one chunk say of their rows."""

    coerced: Counter[str] = field(default_factory=Counter)
    set_aside: int = 0
    set_aside_by: Counter[str] = field(default_factory=Counter)

    def of(self, batches: Iterable[Batch]) -> Generator[Batch, None, None]:
        """The same batches, counted as they pass."""
        for batch in batches:
            self.coerced.update(batch.coerced)
            self.set_aside += batch.set_aside
            self.set_aside_by.update(batch.set_aside_by)
            yield batch
