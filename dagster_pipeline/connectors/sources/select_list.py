"""From column mappings to a select list with guards and flag columns, and from flags back to counts.

A guarded column is read as its replacement where its guard is violated, else as it is. Which rows were changed is told
by integer flag columns after the last column: bit `i` is set when the `i`-th guarded column was violated. They never
reach the sink; a table without guards has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dagster_pipeline.connectors.batch import NOTHING_COERCED
from dagster_pipeline.connectors.sources.sql_dialect import SqlDialect
from dagster_pipeline.errors import OutOfRangeError
from dagster_pipeline.type_mapper.mapping import ColumnMapping

FLAG_BITS = 62
"""Guards per flag column: what stays positive in a signed 64-bit integer, with one bit to spare."""


@dataclass(frozen=True, slots=True)
class SelectList:
    """What to select.

    Attributes:
        sql: comma-separated expressions, each named as the destination names the column, flag columns last.
        names: the destination's names, in order; flag columns are not among them.
        guarded: the mappings with a guard, in the order of their bits.
        flag_names: names of the flag columns, each for up to `FLAG_BITS` guarded columns.
    """

    sql: str
    names: tuple[str, ...]
    guarded: tuple[ColumnMapping, ...]
    flag_names: tuple[str, ...]

    def tally(self, flagged_rows: Iterable[tuple[int, ...]], table: str) -> Mapping[str, int]:
        """Count the changed rows by column name; each row is its flag columns' values.

        Raises `OutOfRangeError` when one of the columns is to fail.
        """
        rows_by_column: dict[str, int] = {}
        for flags in flagged_rows:
            for index, mapping in enumerate(self.guarded):
                if flags[index // FLAG_BITS] >> (index % FLAG_BITS) & 1:
                    rows_by_column[mapping.name] = rows_by_column.get(mapping.name, 0) + 1
        return self.judged(rows_by_column, table)

    def judged(self, rows_by_column: Mapping[str, int], table: str) -> Mapping[str, int]:
        """The same counts when all of them may be; raises `OutOfRangeError` when one of the columns is to fail."""
        failing = {m.name: m for m in self.guarded if m.fails_out_of_range and rows_by_column.get(m.name)}
        if failing:
            raise OutOfRangeError(
                table,
                {name: rows_by_column[name] for name in failing},
                reasons={name: mapping.guard.reason for name, mapping in failing.items() if mapping.guard},
            )
        return rows_by_column or NOTHING_COERCED


def select_list(
    dialect: SqlDialect, mappings: tuple[ColumnMapping, ...], *, reads_violations: bool = False
) -> SelectList:
    """The select list of these columns, in order.

    `reads_violations`: any value can be read, and no batch is passed on before its flags are judged. A guard whose
    violation fails the load then needs no replacement, and is evaluated once for a row instead of twice.
    """
    guarded = tuple(mapping for mapping in mappings if mapping.guard is not None)
    groups = [guarded[at : at + FLAG_BITS] for at in range(0, len(guarded), FLAG_BITS)]
    flags = tuple(f"_out_of_range_{number}" for number in range(len(groups)))
    expressions = [
        f"{_read(dialect, mapping, plain=reads_violations and mapping.fails_out_of_range)} AS {dialect.quote(mapping.name)}"
        for mapping in mappings
    ]
    expressions += [
        f"{_flags(dialect, group)} AS {dialect.quote(name)}"
        for group, name in zip(groups, flags, strict=True)
    ]
    return SelectList(", ".join(expressions), tuple(mapping.name for mapping in mappings), guarded, flags)


def _read(dialect: SqlDialect, mapping: ColumnMapping, *, plain: bool) -> str:
    column = dialect.quote(mapping.source_name)
    read = mapping.read.replace("{column}", column)
    if mapping.guard is None or plain:
        return read
    violated = mapping.guard.violated.replace("{column}", column)
    replacement = mapping.guard.replacement.replace("{column}", column)
    return dialect.either(violated, replacement, read)


def _flags(dialect: SqlDialect, group: tuple[ColumnMapping, ...]) -> str:
    bits = (
        f"CASE WHEN {mapping.guard.violated.replace('{column}', dialect.quote(mapping.source_name))}"
        f" THEN {1 << bit} ELSE 0 END"
        for bit, mapping in enumerate(group)
        if mapping.guard is not None
    )
    return " + ".join(bits)
