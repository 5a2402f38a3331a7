"""How far an export has come: the version of its table up to which every row was exported, and of what.

The position is of one table, one destination and one definition. Where the table was replaced as a whole, or the file changed,
`_version` says nothing of what the destination holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from dagster_pipeline.state.state_manager import StateManager

CLOCKS_APART_MS = 120_000
"""Clocks of the state store and of loading machines may differ by this much."""


@dataclass(frozen=True, slots=True)
class Position:
    """What is settled.

    Attributes:
        version: of the table; every row up to it was exported.
        table_id: the warehouse's identity of the table.
        place: digest of the destination.
        definition: digest of columns, conditions and key.
    """

    version: int
    table_id: str
    place: str
    definition: str

    def __str__(self) -> str:
        return f"{self.version} {self.table_id} {self.place} {self.definition}"

    @classmethod
    def parse(cls, text: str | None) -> Position | None:
        """From the state store; `None` for what is no position of ours, so that everything is exported."""
        words = (text or "").split(" ")
        if len(words) != 4 or not words[0].isdecimal():  # noqa: PLR2004 -- one for each attribute
            return None
        return cls(int(words[0]), *words[1:])


def settled_version(state: StateManager, table: str, *, highest: int) -> int:
    """The greatest version under which no row can come any more.

    A run draws its versions after it has locked the table or a partition of it, and each is above the milliseconds of its
    clock (`sync/version.py`). So a run that is at work writes above the time at which it took its lock, and everything
    below is settled; without a lock everything that was given out is. A load that a killed run left is no exception: the
    run that goes on with it draws a version of its own. `highest` is the greatest version that the warehouse has, for a
    table that the state store does not know.
    """
    given_out = (
        state.read(table).version or highest
    )  # before the locks: a run that comes later draws above it
    began = [lock.acquired_at for lock in state.locks() if lock.table == table]
    if not began:
        return given_out
    return min(given_out, int(min(began).timestamp() * 1_000) - CLOCKS_APART_MS)
