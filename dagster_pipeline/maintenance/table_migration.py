"""Changes of a table that ALTER cannot make: engine, sorting key, partition key, settings that are fixed when a table is made.

A table of the new shape is built beside the old one, filled partition by partition, proven equal, and takes its name in one
atomic EXCHANGE. The old one keeps its rows under another name until a day that this name says. Columns stay as they are: what
ALTER can do, the next load does.

Nothing is written down about how far it came. The name of the table beside tells of which table it is the new shape, by UUID,
and a UUID stays with the data when names are exchanged; what was copied is told by the rows themselves (`piece_copy`). So
whatever moment it is killed at, the same command goes on, and `rollback` goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dagster_pipeline.connectors.sink.base_sink_connector import DELETED_COLUMN, SinkTable
from dagster_pipeline.connectors.sink.clickhouse import catalog
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.clickhouse.insert import Setting
from dagster_pipeline.connectors.sink.clickhouse.statements import DROP_SETTINGS
from dagster_pipeline.connectors.sink.clickhouse.table_diff import compare, engine_differences
from dagster_pipeline.connectors.sink.clickhouse.table_shape import EngineShape, TableShape
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.maintenance.beside_names import Beside, BesideName, migrating, parse, retired, short_id
from dagster_pipeline.maintenance.leftover_statements import end_leftover_statements
from dagster_pipeline.maintenance.piece_copy import EXPIRING_HOURS, Digest, PieceCopy, collapses
from dagster_pipeline.maintenance.warehouse import comment
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock

WORK = "migrate"
KEEP_DAYS = 7
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TableMigrationResult:
    """What was done.

    Attributes:
        says: for people, one or two sentences.
        changed: a table was exchanged or dropped.
        pieces: partitions of the original.
        copied: those that this run copied.
        rows: that a reader sees, proven equal before and after.
        kept: name of the table as it was; empty when there is none.
    """

    says: str
    changed: bool
    pieces: int = 0
    copied: int = 0
    rows: int = 0
    kept: str = ""


class TableMigration:
    """One table's migration, or the way back."""

    def __init__(
        self,
        table: SinkTable,
        *,
        sink: ClickHouseSink,
        state: BaseStateStore,
        owner: str,
        keep_days: int = KEEP_DAYS,
        report: Callable[[str], None] = lambda _step: None,
    ) -> None:
        """Make it ready.

        Args:
            table: as its file wants it.
            sink: the warehouse.
            state: gives the table's lock: no load runs meanwhile.
            owner: said to whoever finds the table locked.
            keep_days: for how long the old table is kept.
            report: told of each step.
        """
        self._table = table
        self._name = f"{table.database}/{table.name}"
        self._sink = sink
        self._state = state
        self._owner = owner
        self._keep_days = keep_days
        self._report = report
        self._comment = comment(WORK, self._name)

    def run(self) -> TableMigrationResult:
        """Migrate, or go on with a migration that was killed.

        Raises `ConfigurationError` when the rows would not fit, `DataQualityError` when the copy is not equal to the
        original, `TableLockedError` when the table is being loaded. The table is as it was then.
        """
        self._refuse_shards()
        with self._state.lock(self._name, owner=self._owner) as lock:
            end_leftover_statements(self._sink, self._comment)
            wanted = self._sink.wanted_shape(self._table)
            shape, kept = self._shape(), self._finish_exchanged(lock)
            if kept:
                shape = self._shape()
            diff = compare(wanted, shape)
            if not diff.migrations:
                self._drop_unfinished(lock)
                says = f"{self._table.full_name} has the shape that its file wants."
                return TableMigrationResult(_with_kept(says, kept), changed=bool(kept), kept=kept)
            if diff.impossible:
                listed = "".join(f"\n  - {refusal.says}" for refusal in diff.impossible)
                raise ConfigurationError(
                    f"{self._table.full_name} cannot be migrated, its rows would not fit:{listed}\n",
                    todo="Load it in full, or make the file say what the columns are. Nothing was changed.",
                )
            self._refuse_half_a_load()
            shape = self._with_marks(shape, wanted.engine, lock)
            # The TTL can be altered, so the next load does; a shorter one would take rows before they are compared.
            return self._migrate(shape, replace(wanted.engine, ttl=shape.engine.ttl), lock)

    def rollback(self) -> TableMigrationResult:
        """Go back: drop what was not shown yet, or put the retired table in its place again.

        Rows that were loaded since are not lost: the table is then copied into the retired one's shape.
        Raises `ConfigurationError` when there is nothing to go back to.
        """
        self._refuse_shards()
        with self._state.lock(self._name, owner=self._owner) as lock:
            end_leftover_statements(self._sink, self._comment)
            self._finish_exchanged(lock)
            shape, before = self._shape(), self._retired()
            if before is not None and self._is_back(before):
                self._drop(before, lock)
                return TableMigrationResult(f"{self._table.full_name} is as it was before.", changed=True)
            goes_back = before is not None and self._is_way_back(before)
            if not goes_back and self._drop_unfinished(lock):
                says = f"The migration of {self._table.full_name} was not done yet: its copy is dropped."
                return TableMigrationResult(says, changed=True)
            if before is None:
                raise ConfigurationError(
                    f"Nothing of {self._table.full_name} was kept that it could go back to.",
                    todo="Change its file, and migrate it.",
                )
            return self._go_back(before, shape, lock)

    def _migrate(self, shape: TableShape, target: EngineShape, lock: TableLock) -> TableMigrationResult:
        """Build, copy, prove, exchange, keep."""
        original_id = self._id(self._table.name)
        beside = migrating(self._table.name, original_id)
        self._build(beside, shape, target, lock)
        copy = self._copy(beside, shape, target, lock)
        pieces, copied = copy.run(self._report)
        proven = copy.proven()
        self._report(f"proved {proven.rows:,} rows equal")
        self._exchange(beside, lock)
        kept = self._retire(beside, original_id, lock)
        aside = f", those aside that its TTL takes within {EXPIRING_HOURS} hours" if shape.engine.ttl else ""
        says = f"{self._table.full_name} was migrated: {proven.rows:,} rows, proven equal{aside}."
        return TableMigrationResult(
            _with_kept(says, kept), changed=True, pieces=pieces, copied=copied, rows=proven.rows, kept=kept
        )

    def _go_back(self, before: str, shape: TableShape, lock: TableLock) -> TableMigrationResult:
        engine = self._existing(before).engine
        file_says = (
            f"Its file must say so too: {engine.family}, order_by {engine.order_by or 'nothing'}, "
            f"partition_by {engine.partition_by or 'nothing'}."
        )
        if self._equals(before, shape, lock):
            self._exchange(before, lock)
            self._drop(before, lock)
            says = f"{self._table.full_name} is as it was before. {file_says}"
            return TableMigrationResult(says, changed=True)
        self._report("rows were loaded since, so they are copied into the shape that the table had")
        result = self._migrate(shape, engine, lock)
        return replace(result, says=f"{result.says} {file_says}")

    def _build(self, beside: str, shape: TableShape, target: EngineShape, lock: TableLock) -> None:
        """The table of the new shape, or the one that stands there when it is of that shape."""
        standing = catalog.existing_shape(self._table.database, beside, self._sink.rows)
        if standing is not None:
            same = [(column.name, column.type) for column in standing.columns] == [
                (column.name, column.type) for column in shape.columns
            ]
            if same and not any(engine_differences(target, standing.engine)):
                self._report(f"going on with {beside}")
                return
            self._drop(beside, lock)
        lock.assert_held()
        statement = self._sink.ddl.create_shaped(self._table.database, beside, self._table.name, target)
        self._run(statement, doing=f"Creating {self._table.database}.{beside}")
        self._report(f"created {beside}")

    def _exchange(self, other: str, lock: TableLock) -> None:
        lock.assert_held()
        statement = self._sink.ddl.exchange(self._table.database, self._table.name, other)
        self._run(statement, doing=f"Putting {other} in the place of {self._table.full_name}")
        self._report(f"exchanged {self._table.name} and {other}")

    def _retire(self, beside: str, original_id: str, lock: TableLock) -> str:
        lock.assert_held()
        kept = retired(self._table.name, original_id, since=datetime.now(UTC), days=self._keep_days)
        self._run(
            self._sink.ddl.rename(self._table.database, beside, kept),
            doing=f"Keeping {self._table.database}.{kept}",
        )
        self._report(f"kept the old table as {kept}")
        return kept

    def _finish_exchanged(self, lock: TableLock) -> str:
        """Rename the old table of a migration that was killed after the exchange; returns its name, empty for none."""
        for name, beside in self._beside(Beside.MIGRATING):
            if short_id(self._id(name)) == beside.original:
                return self._retire(name, beside.original, lock)
        return ""

    def _drop_unfinished(self, lock: TableLock) -> bool:
        """Drop copies that were not shown; whether there was one."""
        unfinished = [name for name, _ in self._beside(Beside.MIGRATING)]
        for name in unfinished:
            self._drop(name, lock)
        return bool(unfinished)

    def _retired(self) -> str | None:
        """What was retired last."""
        found = sorted(self._beside(Beside.RETIRED), key=lambda one: one[1].since or _NEVER)
        return found[-1][0] if found else None

    def _is_back(self, before: str) -> bool:
        """It was exchanged already, by a rollback that was killed then."""
        beside = parse(before)
        return beside is not None and short_id(self._id(self._table.name)) == beside.original

    def _is_way_back(self, before: str) -> bool:
        """A copy stands there that an earlier rollback began: of the retired table's shape."""
        engine = self._existing(before).engine
        return any(
            not any(engine_differences(engine, self._existing(name).engine))
            for name, _ in self._beside(Beside.MIGRATING)
        )

    def _equals(self, before: str, shape: TableShape, lock: TableLock) -> bool:
        """Whether nothing was loaded since: both have the same columns and, for a reader, the same rows."""
        old = self._existing(before)
        if {(column.name, column.type) for column in old.columns} != {
            (column.name, column.type) for column in shape.columns
        }:
            return False
        copy = self._copy(before, shape, old.engine, lock)
        both = (copy.digests(self._table.name), copy.digests(before))
        return sum(both[0].values(), Digest()) == sum(both[1].values(), Digest())

    def _with_marks(self, shape: TableShape, target: EngineShape, lock: TableLock) -> TableShape:
        """Give the table the column that the new engine hides rows by; nothing is marked yet."""
        if DELETED_COLUMN not in target.arguments or shape.column(DELETED_COLUMN) is not None:
            return shape
        lock.assert_held()
        statement = self._sink.ddl.add_deleted_column(self._table.database, self._table.name)
        self._run(statement, doing=f"Altering {self._table.full_name}")
        return self._shape()

    def _refuse_shards(self) -> None:
        """The copy is made on the server that answers, and the exchange everywhere: other shards would lose their rows."""
        cluster = self._sink.ddl.cluster
        if cluster is None:
            return
        ((shards,),) = self._sink.rows(
            "SELECT uniqExact(shard_num) FROM system.clusters WHERE cluster = {cluster:String}",
            {"cluster": cluster},
        )
        if int(shards) > 1:
            raise ConfigurationError(
                f"The cluster {cluster} has {int(shards)} shards, and a migration copies the rows of one.",
                todo=f"Load {self._name} in full: that builds it anew on all of them.",
            )

    def _refuse_half_a_load(self) -> None:
        """An append table's open load knows by tokens what it wrote, and the new table would not know them."""
        if self._table.collapses_rereads or not self._state.open_loads(self._name):
            return
        raise ConfigurationError(
            f"{self._name} has a load that is not done, and goes on with it row for row.",
            todo="Let it finish, with the file as it was, and migrate then. Nothing was changed.",
        )

    def _copy(self, beside: str, shape: TableShape, target: EngineShape, lock: TableLock) -> PieceCopy:
        return PieceCopy(
            warehouse=self._sink,
            database=self._table.database,
            original=self._table.name,
            copy=beside,
            shape=shape,
            target=target,
            keeps_marks=self._table.tracks_deletes and collapses(target),
            log_comment=self._comment,
            lock=lock.assert_held,
        )

    def _beside(self, kind: Beside) -> list[tuple[str, BesideName]]:
        found = self._sink.rows(
            "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, {start:String}) ORDER BY 1",
            {"database": self._table.database, "start": f"{self._table.name}__"},
        )
        names = ((str(name), parse(str(name))) for (name,) in found)
        return [
            (name, beside)
            for name, beside in names
            if beside is not None and beside.kind is kind and beside.table == self._table.name
        ]

    def _shape(self) -> TableShape:
        return self._existing(self._table.name)

    def _existing(self, name: str) -> TableShape:
        shape = catalog.existing_shape(self._table.database, name, self._sink.rows)
        if shape is None:
            raise ConfigurationError(
                f"{self._table.database}.{name} does not exist.",
                todo="Load it: a load makes it as its file wants it.",
            )
        return shape

    def _id(self, name: str) -> str:
        return self._sink.table_id(self._table.database, name)

    def _drop(self, name: str, lock: TableLock) -> None:
        lock.assert_held()
        self._run(
            self._sink.ddl.drop(self._table.database, name),
            doing=f"Dropping {self._table.database}.{name}",
            settings=DROP_SETTINGS,
        )
        self._report(f"dropped {name}")

    def _run(self, statement: str, *, doing: str, settings: Mapping[str, Setting] | None = None) -> None:
        self._sink.run(statement, doing=doing, settings={**(settings or {}), "log_comment": self._comment})


def _with_kept(says: str, kept: str) -> str:
    return f"{says} The old table is kept as {kept}." if kept else says
