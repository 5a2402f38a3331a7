"""What becomes of each table: its steps, the load that follows, who is touched, and what to look out for. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dagster_pipeline.change_plan.catalog import PlanCatalog, SourceFacts, WarehouseTable
from dagster_pipeline.change_plan.column_users import ColumnUser, TreeOfFiles, users_of
from dagster_pipeline.change_plan.older_rows import older_rows
from dagster_pipeline.change_plan.steps import (
    Cost,
    Step,
    added_columns,
    creation,
    gone_columns,
    rebuilt_by_every_run,
    steps_between,
)
from dagster_pipeline.change_plan.volume import Volume, volume_of
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.catalog import Rows, wanted_shape
from dagster_pipeline.connectors.sink.clickhouse.ddl import Ddl
from dagster_pipeline.connectors.sink.clickhouse.table_shape import EngineShape, TableShape, parse_engine
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.models import SyncMode, TableSchema
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.sync.drift import agree
from dagster_pipeline.sync.gained_columns import cannot_reread
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

MANY_PARTITIONS = 100
"""ClickHouse's own limit for one inserted block (`max_partitions_per_insert_block`)."""
ROOM = 2.0
"""A table that is built anew needs its bytes once more, and merges need as much again."""


class Verdict(StrEnum):
    """What a table's plan comes to."""

    NOTHING = "nothing to do"
    CREATE = "is created"
    CHANGE = "changes"
    REFUSED = "is refused"


@dataclass(frozen=True, slots=True)
class TablePlan:
    """One table.

    Attributes:
        table: `<destination database>/<table>`.
        path: its file.
        steps: in the order in which they happen.
        load: the load of everything that follows, `None` for none.
        rows_now, bytes_now, parts_now: what stands in the warehouse.
        used_by: who uses columns that go away.
        warnings: sentences; each is a reason to look before merging.
        notes: sentences; what a reader should know.
    """

    table: str
    path: str
    verdict: Verdict
    steps: tuple[Step, ...] = ()
    load: Volume | None = None
    rows_now: int = 0
    bytes_now: int = 0
    parts_now: int = 0
    used_by: tuple[ColumnUser, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Planner:
    """Plans tables from one catalog.

    Args:
        catalog: what was found out.
        rows: a ClickHouse that puts types and expressions into its own words; it need not be the warehouse.
        files: who may use columns.
        recanonize: the catalog's expressions may be another version's words, so they are put through `rows` too.
    """

    def __init__(
        self, catalog: PlanCatalog, *, rows: Rows, files: TreeOfFiles, recanonize: bool = False
    ) -> None:
        self._catalog = catalog
        self._rows = rows
        self._files = files
        self._recanonize = recanonize
        self._ddl = Ddl(catalog.warehouse.cluster)
        self._mapper = TypeMapper()

    def plan(self, schema: TableSchema, *, shown: str) -> TablePlan:
        """Plan one table; `shown` is its file as messages name it. Raises `PipelineError` of the warehouse."""
        source = self._catalog.sources.get(schema.name)
        notes: list[str] = []
        if source is None:
            why = self._catalog.unasked.get(schema.name, "the saved catalog does not have it.")
            notes.append(f"Its source was not asked: {why}")
        try:
            table = self._wanted(schema, source, notes)
            wanted = wanted_shape(table, self._ddl, self._rows)
        except ConfigurationError as error:
            step = Step(Cost.REFUSED, error.what, cure=error.todo)
            return TablePlan(schema.name, shown, Verdict.REFUSED, (step,), notes=tuple(notes))
        existing = self._catalog.warehouse.tables.get(schema.name)
        warnings = list(_cursor_warnings(schema, source))
        if existing is None:
            volume = self._volume(schema, source, None)
            warnings += self._load_warnings(schema, volume, 0)
            steps = creation(table, self._ddl)
            return TablePlan(
                schema.name,
                shown,
                Verdict.CREATE,
                steps,
                volume,
                warnings=tuple(warnings),
                notes=tuple(notes),
            )
        return self._change(schema, table, wanted, existing, shown=shown, warnings=warnings, notes=notes)

    def _change(
        self,
        schema: TableSchema,
        table: SinkTable,
        wanted: TableShape,
        found: WarehouseTable,
        *,
        shown: str,
        warnings: list[str],
        notes: list[str],
    ) -> TablePlan:
        existing = TableShape(found.columns, self._engine(found.engine), found.comment)
        steps = steps_between(wanted, existing, schema=schema, table=table, ddl=self._ddl)
        gone = gone_columns(wanted, existing)
        refused = any(step.cost is Cost.REFUSED for step in steps)
        volume: Volume | None = None
        if (gained := added_columns(wanted, existing)) and not refused:
            steps = (*steps, *self._gained(schema, table, gained))
            if not table.collapses_rereads and self._goes_on(schema):
                notes.append(cannot_reread(gained, table))
        older = tuple(older_rows(schema, self._catalog.loaded_as.get(schema.name, ())))
        warnings += older
        if refused or any(step.cost is Cost.RELOAD for step in steps):
            same_cut = wanted.engine.partition_by == existing.engine.partition_by
            partitions = found.partitions if same_cut else None
            volume = self._volume(schema, self._catalog.sources.get(schema.name), partitions)
            warnings += self._load_warnings(schema, volume, found.bytes)
        if any(step.cost is Cost.REWRITE for step in steps):
            notes.append(f"A rewrite goes through {found.parts:,} part(s), {found.bytes:,} bytes.")
        if gone and not refused:
            notes.append(_gone(gone, rebuilt=rebuilt_by_every_run(schema)))
        return TablePlan(
            table=schema.name,
            path=shown,
            verdict=Verdict.REFUSED
            if refused
            else Verdict.CHANGE
            if steps or gone or older
            else Verdict.NOTHING,
            steps=steps,
            load=volume,
            rows_now=found.rows,
            bytes_now=found.bytes,
            parts_now=found.parts,
            used_by=users_of(
                gone,
                database=table.database,
                table=table.name,
                views=self._catalog.warehouse.views,
                files=self._files,
                own=schema.path,
            ),
            warnings=tuple(warnings),
            notes=tuple(notes),
        )

    def _wanted(self, schema: TableSchema, source: SourceFacts | None, notes: list[str]) -> SinkTable:
        """As a run would want it now: with what has drifted at the source."""
        if source is None:
            return sink_table(schema, self._mapper.map(schema))
        agreement = agree(schema, source.survey.table, self._mapper)
        notes += agreement.notes
        return sink_table(agreement.schema, agreement.mappings)

    def _engine(self, clause: str) -> EngineShape:
        if not self._recanonize:
            return parse_engine(clause)
        statement = f"CREATE TABLE shape (`column` UInt8) ENGINE = {clause}"
        ((formatted,),) = self._rows(
            "SELECT formatQuerySingleLine({statement:String})", {"statement": statement}
        )
        return parse_engine(str(formatted).partition(" ENGINE = ")[2])

    def _gained(self, schema: TableSchema, table: SinkTable, gained: tuple[str, ...]) -> Iterator[Step]:
        """What the first run after it does for rows that are there already (`sync.gained_columns`)."""
        names = ", ".join(gained)
        if schema.partitions is not None:
            yield Step(Cost.RELOAD, f"{names}: a partition has no value there until it is loaded again")
        elif self._goes_on(schema) and table.collapses_rereads:
            yield Step(Cost.RELOAD, f"{names}: the next run reads all rows once more for their values")

    def _goes_on(self, schema: TableSchema) -> bool:
        """The next run would read on from a cursor."""
        is_cut = schema.partitions is not None
        return not is_cut and schema.sync.mode is not SyncMode.FULL and schema.name in self._catalog.loaded

    def _volume(self, schema: TableSchema, source: SourceFacts | None, partitions: int | None) -> Volume:
        return volume_of(schema, source, self._catalog.past_loads, partitions)

    def _load_warnings(self, schema: TableSchema, volume: Volume, bytes_now: int) -> Iterator[str]:
        if volume.partitions is not None and volume.partitions > MANY_PARTITIONS:
            yield (
                f"A load of everything makes {volume.partitions:,} partitions, over {MANY_PARTITIONS} of them possibly in "
                f"one insert: choose a coarser partition_by than {schema.destination.partition_by}."
            )
        free, needed = self._catalog.warehouse.free_bytes, int(max(volume.bytes or 0, bytes_now) * ROOM)
        if free is not None and needed > free:
            yield f"The warehouse has {free:,} bytes free; building the table anew may need {needed:,}."


def _cursor_warnings(schema: TableSchema, source: SourceFacts | None) -> Iterator[str]:
    cursor = schema.sync.cursor
    if source is None or cursor is None or schema.sync.mode is SyncMode.FULL:
        return
    if not source.survey.leads_an_index(cursor):
        rows = source.survey.table.estimated_rows
        yield f"No index at the source begins with the cursor {cursor}: every run reads all of its about {rows:,} rows."


def _gone(gone: Sequence[str], *, rebuilt: bool) -> str:
    names = ", ".join(gone)
    if rebuilt:
        return f"The next run leaves out {names}."
    return f"{names} stays in the warehouse, and no run fills it any more."


def in_words(plans: Sequence[TablePlan]) -> str:
    """One sentence over all tables."""
    counts = {verdict: sum(plan.verdict is verdict for plan in plans) for verdict in Verdict}
    if counts[Verdict.NOTHING] == len(plans):
        return f"{len(plans)} table(s) are as their files want them: nothing to do."
    said = [f"{count} {verdict}" for verdict, count in counts.items() if count]
    return f"{len(plans)} table(s): {', '.join(said)}."
