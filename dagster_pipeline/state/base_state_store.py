"""The contract of the state store: what the engine asks of the place that remembers.

Every method is one transaction: after a crash the store holds either all of it or nothing. Raises `RetriableError`
when the store does not answer, `ConfigurationError` when its address, rights or schema version are wrong.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager

from dagster_pipeline.state.records import Load, TableState


class TableLock(ABC):
    """The right to work on one table, kept alive by a heartbeat until released."""

    @abstractmethod
    def assert_held(self) -> None:
        """Raise `TableLockedError` when the lock was lost: it expired and another run took it."""


class BaseStateStore(ABC):
    """Cursors, the chunk ledger and locks. May be used from several threads."""

    @abstractmethod
    def read(self, table: str, partition: str = "") -> TableState:
        """Where the table stands; a fresh `TableState` when nothing is known."""

    @abstractmethod
    def next_version(self, table: str, *, above: int) -> int:
        """Give out a version greater than any before and greater than `above` (what the warehouse holds)."""

    @abstractmethod
    def open_load(self, load: Load) -> None:
        """Record a load and its whole ledger. Raises `FatalError` when another load of the table is open."""

    @abstractmethod
    def open_loads(self, table: str) -> tuple[Load, ...]:
        """Loads of the table that are neither done nor abandoned: one for each partition at most."""

    @abstractmethod
    def start_chunk(self, load_id: str, index: int) -> None:
        """From now on the sink may hold some of this chunk."""

    @abstractmethod
    def commit_chunk(self, load_id: str, index: int, *, rows: int, bytes_: int, seconds: float) -> None:
        """The sink acknowledged the whole chunk."""

    @abstractmethod
    def close_load(self, load_id: str, *, rows: int | None, loaded_as: str | None = None) -> TableState:
        """Every chunk is done: mark the load done and move the cursor to its `advance_to`, at once.

        `rows` is the destination's row count afterwards; `loaded_as` replaces what was remembered, unless it is `None`.
        A cursor of `None` in `advance_to` leaves it as it is.
        Raises `FatalError` when a chunk is not done.
        """

    @abstractmethod
    def note_success(self, table: str) -> None:
        """A run of the table ended well and closed no load: nothing was new, or its limit was reached."""

    @abstractmethod
    def abandon_load(self, load_id: str) -> None:
        """The load will not be resumed; its ledger stays for the record."""

    @abstractmethod
    def set_cursor(self, table: str, cursor: str | None, *, partition: str = "") -> None:
        """Seed, pin or reset a cursor by hand; an open load is abandoned."""

    @abstractmethod
    def tables(self) -> tuple[TableState, ...]:
        """Every table and partition that is known, sorted by name."""

    @abstractmethod
    def cursors(self, table: str) -> Mapping[str, str]:
        """The cursor of every partition of the table that has one, by partition; the whole table's is under ''."""

    @abstractmethod
    def lock(self, table: str, *, owner: str, partition: str = "") -> AbstractContextManager[TableLock]:
        """Take the table's lock or raise `TableLockedError` that names the holder and when it expires.

        A block that fails after it lost the lock raises `TableLockedError` in place of its own error.
        """

    @abstractmethod
    def close(self) -> None:
        """End every connection; may be called twice."""
