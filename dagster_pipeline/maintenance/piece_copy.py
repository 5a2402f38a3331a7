"""Copies a table into one of another shape, one partition of the original after the other, and proves that it did.

The copy itself is the ledger: a piece is done when its checksum in the copy equals the one in the original. So a copy that was
killed at any moment is gone on with by looking at what is there.

A checksum counts the rows that a reader sees and adds up a hash of all their columns. XOR would not do: rows that stand there
twice, as a table without a key may have them, would cancel each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_sink_connector import DELETED_COLUMN
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string, quote_table
from dagster_pipeline.connectors.sink.clickhouse.slice_replacement import COPY_SETTINGS
from dagster_pipeline.connectors.sink.clickhouse.table_shape import EngineShape, TableShape
from dagster_pipeline.errors import DataQualityError
from dagster_pipeline.maintenance.expiry import MORE_THAN_A_MOMENT
from dagster_pipeline.maintenance.warehouse import MaintainedWarehouse

EXPIRING_HOURS = 24
"""Rows that a TTL takes within this time are copied, but no part of the proof: either table may lose them meanwhile."""

_COLLAPSING = "ReplacingMergeTree"


@dataclass(frozen=True, slots=True)
class Digest:
    """Rows that a reader sees, and their checksum."""

    rows: int = 0
    checksum: int = 0

    def __add__(self, other: Digest) -> Digest:
        return Digest(self.rows + other.rows, (self.checksum + other.checksum) % (1 << 64))


@dataclass(frozen=True)
class PieceCopy:
    """One copy.

    Attributes:
        database: of both tables.
        original, copy: their names.
        shape: of the original.
        target: engine of the copy, which has all columns of the original.
        keeps_marks: rows that the original hides as deleted are to be there in a copy that shows them.
        log_comment: of every statement.
        lock: raises when the right to the table was lost; asked before every statement that changes something.
    """

    warehouse: MaintainedWarehouse
    database: str
    original: str
    copy: str
    shape: TableShape
    target: EngineShape
    keeps_marks: bool
    log_comment: str
    lock: Callable[[], None]

    def run(self, report: Callable[[str], None]) -> tuple[int, int]:
        """Copy what is missing; returns how many pieces there are, and how many were copied now. Proves nothing yet."""
        pieces = self._pieces()
        is_begun = bool(self.warehouse.rows(f"SELECT 1 FROM {self._copy} LIMIT 1"))
        original, copied = (self.digests(self.original), self.digests(self.copy)) if is_begun else ({}, {})
        missing = [piece for piece in pieces if not is_begun or original.get(piece) != copied.get(piece)]
        for number, piece in enumerate(missing, start=1):
            if is_begun and not collapses(self.target):
                self._forget(piece)
            self._copy_piece(piece)
            report(f"copied partition {piece}, {number} of {len(missing)}")
        return len(pieces), len(missing)

    def proven(self) -> Digest:
        """The digest of both. Raises `DataQualityError` when they differ."""
        original, copy = self.digests(self.original), self.digests(self.copy)
        wrong = sorted(piece for piece in {*original, *copy} if original.get(piece) != copy.get(piece))
        if not wrong:
            return sum(original.values(), Digest())
        have, has = (sum(digests.values(), Digest()).rows for digests in (original, copy))
        raise DataQualityError(
            f"{self.database}.{self.copy} is no copy of {self.database}.{self.original}: {has:,} rows for {have:,}, and "
            f"{len(wrong)} partition(s) differ, {', '.join(wrong[:5])} among them. Nothing was exchanged.",
            todo="Rows that the new order_by takes for one, or somebody who writes beside the pipeline, may be the reason. "
            "`migrate-table --rollback` drops the copy.",
        )

    def digests(self, name: str) -> Mapping[str, Digest]:
        """Digest of each piece of the original, in either table; pieces without a row are not in it."""
        engine = self.shape.engine if name == self.original else self.target
        if self.warehouse.ddl.cluster:  # the replica that answers must have what others took
            sync = f"SYSTEM SYNC REPLICA {quote_table(self.database, name)}"
            self.warehouse.run(sync, doing=f"Reading {self.database}.{name}")
        final = " FINAL" if collapses(engine) else ""
        columns = ", ".join(quote_identifier(column.name) for column in self.shape.columns)
        found = self.warehouse.rows(
            f"SELECT {self._piece_of_a_row} AS piece, count(), sumWithOverflow(sipHash64(tuple({columns}))) "
            f"FROM {quote_table(self.database, name)}{final}{self._shown} GROUP BY piece "
            "SETTINGS do_not_merge_across_partitions_select_final = 0, max_execution_time = 0"
        )
        return {str(piece): Digest(int(rows), int(checksum)) for piece, rows, checksum in found}

    def _pieces(self) -> list[str]:
        found = self.warehouse.rows(
            "SELECT DISTINCT partition_id FROM system.parts WHERE active AND rows > 0 "
            "AND database = {database:String} AND table = {table:String} ORDER BY 1",
            {"database": self.database, "table": self.original},
        )
        return [str(piece) for (piece,) in found]

    @property
    def _copy(self) -> str:
        return quote_table(self.database, self.copy)

    @property
    def _piece_of_a_row(self) -> str:
        """Identity of the original's partition that a row belongs to, computed from the row itself."""
        key = self.shape.engine.partition_by
        return f"partitionId({key})" if key else "'all'"

    @property
    def _shown(self) -> str:
        """Rows that are hidden in one of the tables, or that a merge may take at any moment, are not compared."""
        terms = []
        if hides_deleted(self.shape.engine) or hides_deleted(self.target):
            terms.append(f"NOT {quote_identifier(DELETED_COLUMN)}")
        ttl = self.shape.engine.ttl
        if ttl and not MORE_THAN_A_MOMENT.search(ttl):
            terms.append(f"ifNull(({ttl}) > now() + toIntervalHour({EXPIRING_HOURS}), 1)")
        return f" WHERE {' AND '.join(terms)}" if terms else ""

    def _copy_piece(self, piece: str) -> None:
        """All versions of all rows; only what a reader sees where the copy would show the others again."""
        shows_marks = hides_deleted(self.shape.engine) and not hides_deleted(self.target)
        shows_versions = collapses(self.shape.engine) and not collapses(self.target)
        final = " FINAL" if shows_versions or (shows_marks and not self.keeps_marks) else ""
        columns = ", ".join(quote_identifier(column.name) for column in self.shape.columns)
        self._run(
            f"INSERT INTO {self._copy} ({columns}) SELECT {columns} "
            f"FROM {quote_table(self.database, self.original)}{final} WHERE _partition_id = {quote_string(piece)}",
            doing=f"Copying partition {piece} of {self.database}.{self.original}",
        )

    def _forget(self, piece: str) -> None:
        """Take away what a killed copy of the piece left: a table that does not collapse would have it twice."""
        statement = (
            f"ALTER TABLE {self._copy} DELETE WHERE {self._piece_of_a_row} = {quote_string(piece)}"
            if self.shape.engine.partition_by
            else self.warehouse.ddl.truncate(self.database, self.copy)
        )
        self._run(statement, doing=f"Forgetting partition {piece} of {self.database}.{self.copy}")

    def _run(self, statement: str, *, doing: str) -> None:
        self.lock()
        settings = {**COPY_SETTINGS, "max_partitions_per_insert_block": 0, "log_comment": self.log_comment}
        self.warehouse.run(statement, doing=doing, settings=settings)


def collapses(engine: EngineShape) -> bool:
    """Rows of one key count as one."""
    return engine.family == _COLLAPSING


def hides_deleted(engine: EngineShape) -> bool:
    """A row that is marked as deleted is gone for a reader."""
    return collapses(engine) and DELETED_COLUMN in engine.arguments
