"""The bytes of a write on their way from a source's batches to a transport."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.sink.clickhouse.transport import AbandonedInsertError


class Payloads(Iterator[bytes]):
    """Hands on each batch's bytes, counts them, and keeps an error of the source apart from those of the warehouse.

    The first batch is asked for at once: a source that is slow to begin, or fails, keeps no insert waiting. A batch is
    handed on when the next one is there or the source has ended well: a document whose end was not handed on cannot be
    taken for complete.

    Attributes:
        rows, bytes: what came from the source.
        error: what the source raised; `next` then raised `AbandonedInsertError`.
    """

    def __init__(self, batches: Iterable[Batch]) -> None:
        self._batches = iter(batches)
        self.rows = 0
        self.bytes = 0
        self.error: BaseException = AssertionError("the source raised nothing")
        self._held = self._next_payload()

    @property
    def are_empty(self) -> bool:
        """There is nothing (more) to hand on."""
        return self._held is None

    def __next__(self) -> bytes:
        payload = self._held
        if payload is None:
            raise StopIteration
        try:
            self._held = self._next_payload()
        except BaseException as error:  # an interrupt must abandon the insert too
            self.error = error
            raise AbandonedInsertError from error
        return payload

    def _next_payload(self) -> bytes | None:
        """The next bytes that are any."""
        for batch in self._batches:
            self.rows += batch.rows
            self.bytes += len(batch.payload)
            if batch.payload:
                return batch.payload
        return None
