"""How many chunks are under way: `parallelism` at the source, and one more whose acknowledgement is awaited."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from dagster_pipeline.connectors.batch import WHOLE_TABLE, Batch, WriteReceipt
from dagster_pipeline.connectors.sink.base_sink_connector import WriteRequest
from dagster_pipeline.connectors.sources.base_source_connector import ReadRequest
from dagster_pipeline.errors import FatalError
from dagster_pipeline.state.records import Chunk
from dagster_pipeline.sync.chunk_mover import ChunkMover

CHUNKS = 8
PATIENCE_SECONDS = 30


class Both:
    """A source and a sink that count what is open at each side."""

    def __init__(self, *, together: int) -> None:
        self._lock = threading.Lock()
        self._together = threading.Barrier(together)
        self.reading = self.most_reading = self.awaiting = self.most_awaiting = 0
        self.begun = 0
        self.fails = False

    @contextmanager
    def stream(self, request: ReadRequest) -> Generator[Iterator[Batch], None, None]:
        del request
        with self._lock:
            self.begun += 1
            self.reading += 1
            self.most_reading = max(self.most_reading, self.reading)
        try:
            yield iter([Batch(b"x\n", 1)] * 3)
        finally:
            with self._lock:
                self.reading -= 1

    def write(self, request: WriteRequest, batches: Iterable[Batch]) -> WriteReceipt:
        del request
        rows = sum(batch.rows for batch in batches)
        with self._lock:
            self.awaiting += 1
            self.most_awaiting = max(self.most_awaiting, self.awaiting)
        if self.fails:
            raise FatalError("The disk is full.")
        if self.begun <= self._together.parties:
            self._together.wait(PATIENCE_SECONDS)
        with self._lock:
            self.awaiting -= 1
        return WriteReceipt(rows, rows, 0.0)

    def close(self) -> None:
        pass


def mover(both: Both) -> ChunkMover:
    anything: Any = SimpleNamespace
    state = anything(start_chunk=lambda *_: None, commit_chunk=lambda *_, **__: None)
    meter = anything(rows=0, counted=lambda batches: batches, chunk_done=lambda: None, say=lambda: None)
    request = anything(table=None, columns=(), wire_format=None, version=1, token="")
    sides: Any = both
    return ChunkMover(
        source=sides,
        sink=sides,
        state=state,
        lock=anything(assert_held=lambda: None),
        meter=meter,
        load=anything(load_id="load", token=lambda chunk: str(chunk.index)),
        read=ReadRequest(mappings=()),
        write=WriteRequest(**vars(request)),
        attempts=1,
    )


CHUNK_LIST = [Chunk(index, WHOLE_TABLE) for index in range(CHUNKS)]


@pytest.mark.parametrize(("parallelism", "awaited"), [(1, 1), (2, 3), (4, 5)])
def test_one_chunk_more_than_are_read_may_await_its_acknowledgement(parallelism: int, awaited: int) -> None:
    both = Both(together=awaited)
    moved = mover(both).move_all(CHUNK_LIST, parallelism=parallelism)
    assert moved.rows == 3 * CHUNKS
    assert both.most_reading <= parallelism
    assert both.most_awaiting == awaited


def test_after_an_error_no_chunk_that_waits_for_its_turn_is_read() -> None:
    both = Both(together=2)
    both.fails = True
    with pytest.raises(FatalError, match="disk"):
        mover(both).move_all(CHUNK_LIST, parallelism=2)
    assert both.reading == 0
    assert both.begun < CHUNKS
