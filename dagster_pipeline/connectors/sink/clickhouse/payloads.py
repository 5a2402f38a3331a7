"""The bytes of a write on their way from a source's batches to a transport."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.sink.clickhouse.transport import AbandonedInsertError


class Payloads(Iterator[bytes]):
    """Hands on each batch's bytes, counts them, and keeps an error of the source apart from those of the warehouse.

    The first batch is asked for at once: a source that is slow to begin, or fails, keeps no insert waiting.

    Attributes:
        rows, bytes: what has passed.
        error: what the source raised; `next` then raised `AbandonedInsertError`.
    """

    def __init__(self, batches: Iterable[Batch]) -> None:
        rest = iter(batches)
        first = next(rest, None)
        self._batches = chain([first] if first else [], rest)
        self.are_empty = first is None
        self.rows = 0
        self.bytes = 0
        self.error: BaseException = AssertionError("the source raised nothing")

    def __next__(self) -> bytes:
        try:
            batch = next(self._batches)
        except StopIteration:
            raise
        except BaseException as error:  # an interrupt must abandon the insert too
            self.error = error
            raise AbandonedInsertError from error
        self.rows += batch.rows
        self.bytes += len(batch.payload)
        return batch.payload
