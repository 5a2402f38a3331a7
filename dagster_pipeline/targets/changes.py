"""What is to become of rows of a target, and what became of them: frozen values, no SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from dagster_pipeline.targets.base_target import Field, Key, Row

WRITE, DELETE = 1, 2
"""What a change asks for. Deletes come first: they free values of unique indexes."""


@dataclass(frozen=True, slots=True)
class RowShape:
    """Which columns a change has.

    Attributes:
        columns: those that are written.
        key_places: where the key's columns stand among them, in the key's order.
        whole_row: every column of the target that can be written, for rows that are deleted and may have to come back.
    """

    columns: tuple[Field, ...]
    key_places: tuple[int, ...]
    whole_row: tuple[Field, ...] = ()

    @property
    def key(self) -> tuple[Field, ...]:
        """The key's columns."""
        return tuple(self.columns[place] for place in self.key_places)

    @property
    def other_places(self) -> tuple[int, ...]:
        """Where the columns stand that are not the key's."""
        return tuple(place for place in range(len(self.columns)) if place not in self.key_places)


@dataclass(frozen=True, slots=True)
class Change:
    """One row.

    Attributes:
        seq: its number, from 1.
        action: `WRITE` or `DELETE`.
        reason: why it cannot be written, known before the target is asked; empty for none.
        values: a text for each column; for a delete only the key's.
    """

    seq: int
    action: int
    reason: str
    values: Row

    def key(self, places: Sequence[int]) -> Key:
        """The key's texts; a NULL, which is a reject, shows as empty."""
        return tuple(self.values[place] or "" for place in places)


@dataclass(frozen=True, slots=True)
class Image:
    """A row of the target around one change; `None` where there was, or is, no row."""

    seq: int
    key: Key
    before: dict[str, str | None] | None
    after: dict[str, str | None] | None


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not written."""

    change: Change
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of the target, by what became of them.

    Attributes:
        unchanged: had the wanted values already.
        kept: exist, and mode `insert` leaves them as they are.
        absent: do not exist, and mode `update` adds none; nor is there anything to delete.
        rejected: refused by the target, or known not to fit.
        differing: written, and read back with another value: a trigger, or a collation, is at work.
        read: rows that the target was asked for by key, before and after writing.
    """

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    kept: int = 0
    absent: int = 0
    rejected: int = 0
    differing: int = 0
    read: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    @property
    def written(self) -> int:
        """Rows that the target was made to change."""
        return self.inserted + self.updated + self.deleted


@dataclass(slots=True)
class Outcome:
    """What became of a batch.

    Attributes:
        forgotten: numbers of changes that do not count as written: they are to be looked at again.
    """

    counts: Counts = field(default_factory=Counts)
    rejects: list[Reject] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    forgotten: list[int] = field(default_factory=list)

    def count(self, **more: int) -> None:
        """Add to the counts."""
        self.counts += Counts(**more)

    def reject(self, change: Change, reason: str) -> None:
        """The row is not written."""
        self.rejects.append(Reject(change, reason))
        self.forgotten.append(change.seq)
        self.count(rejected=1)
