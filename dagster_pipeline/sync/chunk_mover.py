"""Moves the chunks of one load, several at a time: read, write as one insert, commit after the acknowledgement.

Never more than `parallelism` chunks are read at once. While the warehouse works on the last rows of a chunk, the source would
have nothing to do, so one chunk more may await its acknowledgement.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
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
        turns = _Turns(stop=stop, limit=limit, reading=threading.Semaphore(parallelism))
        workers = min(parallelism + 1 if parallelism > 1 else 1, len(chunks))
        pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="chunk")
        futures = [pool.submit(self._move, chunk, turns) for chunk in chunks]
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

    def _move(self, chunk: Chunk, turns: _Turns) -> Moved:
        stop = turns.stop
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RetriableError),
            stop=tenacity.stop_after_attempt(self.attempts) | tenacity.stop_when_event_set(stop),
            wait=tenacity.wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
            sleep=tenacity.sleep_using_event(stop),
            reraise=True,
        )
        return retrying(self._move_once, chunk, turns)

    def _move_once(self, chunk: Chunk, turns: _Turns) -> Moved:
        tally, read = _Tally(), replace(self.read, key_range=chunk.key_range)
        with ExitStack() as place:
            place.enter_context(turns.reading)
            if turns.stop.is_set() or (turns.limit is not None and self.meter.rows >= turns.limit):
                return Moved()
            self.lock.assert_held()
            self.state.start_chunk(self.load.load_id, chunk.index)
            with closing(self._rows(read, place)) as rows:
                receipt = self.sink.write(
                    replace(self.write, token=self.load.token(chunk)),
                    self.meter.counted(tally.of(rows)),
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

    def _rows(self, read: ReadRequest, place: ExitStack) -> Generator[Batch, None, None]:
        """The rows; what they hold at the source, and `place` among its readers, is given back after the last one."""
        with self.source.stream(read) as batches:
            yield from batches
        place.close()

    def _keep(self, read: ReadRequest, tally: _Tally) -> None:
        if self.quarantine is None:
            raise AssertionError("a row was left out and nobody wants it")
        self.quarantine.keep(read, tally.set_aside_by, load_id=self.load.load_id, version=self.write.version)


@dataclass(frozen=True, slots=True)
class _Turns:
    """When a chunk may be begun: while there is no error, before `limit` rows were read, and when `reading` has a place."""

    stop: threading.Event
    limit: int | None
    reading: threading.Semaphore


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
