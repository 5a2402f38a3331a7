"""The difference between a flow's source and what was written last, as one query in the warehouse. Pure: statements only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_string
from dagster_pipeline.reverse_etl.agreement import Agreement, SentColumn
from dagster_pipeline.reverse_etl.book_tables import quoted
from dagster_pipeline.reverse_etl.flow import Flow, selected_name
from dagster_pipeline.targets.changes import DELETE, WRITE

NO_HASH = "toFixedString('', 16)"
SPILLING = (
    "join_algorithm = 'full_sorting_merge', max_bytes_before_external_sort = 500000000, "
    "max_bytes_before_external_group_by = 500000000, join_use_nulls = 0, "
    "do_not_merge_across_partitions_select_final = 0"
)
"""Both sides of the comparison are sorted, on disk where memory is short, so it may have any size."""


@dataclass(frozen=True, slots=True)
class DifferenceSize:
    """How many changes there are.

    Attributes:
        written_before: rows that were written and not deleted by earlier loads.
        refused: changes that are known not to fit.
        longest: bytes of the longest change.
    """

    writes: int
    deletes: int
    refused: int
    written_before: int
    longest: int

    @property
    def changes(self) -> int:
        """What the target is asked to do."""
        return self.writes + self.deletes - self.refused

    @property
    def rows(self) -> int:
        """All changes, those that cannot be done among them."""
        return self.writes + self.deletes


@dataclass(frozen=True, slots=True)
class DifferenceQuery:
    """What makes the rows of a difference.

    Attributes:
        written: the table of what was written last.
    """

    flow: Flow
    agreement: Agreement
    written: SinkTable

    def changed(self, columns: Sequence[str], *, every_row: bool) -> str:
        """Rows of the source that are new or other than what was written."""
        sent = ", ".join(
            f"CAST({_said(column.field.outbound.send, column)}, 'Nullable(String)') AS v{index}"
            for index, column in enumerate(self.agreement.columns)
        )
        by_name = sorted(zip(self.flow.column_names, self.agreement.value_names, strict=True))
        texts = ", ".join(
            f"{quote_string(name)}, isNull({value}), ifNull({value}, '')" for name, value in by_name
        )
        wanted = (
            f"SELECT {self._typed_keys()}, {sent}, {self._judgement()} AS reason, {WRITE} AS action, "
            f"sipHash128({texts}) AS row_hash FROM ({self.flow.select})"
        )
        if every_row:
            return f"SELECT {', '.join(columns)} FROM ({wanted})"
        keys = ", ".join(self.agreement.key_names)
        known = f"SELECT {keys}, row_hash AS old_hash FROM {quoted(self.written)} FINAL"
        differs = f"old_hash = {NO_HASH}" if self.flow.file.mode == "insert" else "row_hash != old_hash"
        return (
            f"SELECT {', '.join(columns)} FROM ({wanted}) AS wanted LEFT JOIN ({known}) AS known USING ({keys}) "
            f"WHERE {differs}"
        )

    def vanished(self, columns: Sequence[str]) -> str:
        """Rows that were written and are not in the source any more."""
        keys = ", ".join(self.agreement.key_names)
        there = f"SELECT {self._typed_keys()}, 1 AS is_there FROM ({self.flow.select}) WHERE {self._key_is_there()}"
        texts = dict.fromkeys(self.agreement.value_names, "CAST(NULL, 'Nullable(String)')")
        for name, column in zip(self.agreement.key_names, self.agreement.key, strict=True):
            send = column.field.outbound.send.replace("{column}", name)
            texts[f"v{column.place}"] = f"CAST({send}, 'Nullable(String)')"
        given = {"action": str(DELETE), "reason": "''", "row_hash": NO_HASH, **texts}
        chosen = ", ".join(f"{given[name]} AS {name}" if name in given else name for name in columns)
        known = f"SELECT {keys} FROM {quoted(self.written)} FINAL"
        return (
            f"SELECT {chosen} FROM (SELECT {keys}, is_there FROM ({known}) AS known LEFT JOIN ({there}) AS source "
            f"USING ({keys}) WHERE is_there = 0)"
        )

    def doubled(self, changes: SinkTable) -> str:
        """Up to five keys of changed rows that the source gives more than once."""
        keys = ", ".join(self.agreement.key_names)
        changed = f"SELECT {keys} FROM {quoted(changes)} WHERE action = {WRITE} AND reason = ''"
        there = f"SELECT {self._typed_keys()} FROM ({self.flow.select}) WHERE {self._key_is_there()}"
        return (
            f"SELECT {keys} FROM ({there}) "
            f"WHERE ({keys}) IN ({changed}) GROUP BY {keys} HAVING count() > 1 LIMIT 5 SETTINGS {SPILLING}"
        )

    def _typed_keys(self) -> str:
        """A row without its key is a reject; until then it has the type's default."""
        return ", ".join(
            f"CAST(assumeNotNull({selected_name(column.place)}), {quote_string(column.type)}) AS {name}"
            for name, column in zip(self.agreement.key_names, self.agreement.key, strict=True)
        )

    def _key_is_there(self) -> str:
        return " AND ".join(f"isNotNull({selected_name(column.place)})" for column in self.agreement.key)

    def _judgement(self) -> str:
        """Why a row cannot be written; empty for one that can."""
        cases: list[str] = []
        for column in self.agreement.columns:
            if not column.takes_null or column in self.agreement.key:
                what = f"{column.field.name}: is NULL, and the column takes none"
                cases.append(f"isNull({selected_name(column.place)}), {quote_string(what)}")
            for guard in column.field.outbound.guards:
                predicate = _said(guard.violated, column)
                what = f"{column.field.name}: {guard.reason}"
                cases.append(f"ifNull({predicate}, 0), {quote_string(what)}")
        return f"multiIf({', '.join(cases)}, '')" if cases else "''"


def _said(template: str, column: SentColumn) -> str:
    return template.replace("{column}", selected_name(column.place))
