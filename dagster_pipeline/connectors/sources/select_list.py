"""From column mappings to a select list with guards and flag columns, and from flags back to counts.

A guarded column is read as its replacement where its guard is violated, else as it is. Which rows were changed is told
by flag columns after the last column: bit `i` is set when the `i`-th flagged column was violated. They are never
stored; a table without guards has none.

Guards are the price of losing nothing, and a predicate costs as much as reading a column does, so none is asked twice
where once will do. The reader sees NULLs, so a guard that makes one needs no flag: in a column that has none of its own
each NULL is a changed value, and in any other one a bit tells which are its own, for much less than asking the guard
again. Days, moments and PostgreSQL's decimals are judged by the reader itself where it can, so the server is not asked
at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dagster_pipeline.connectors.batch import NOTHING_COERCED, Batch
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
        guarded: the mappings with a guard, by name.
        flag_names: names of the flag columns, which no other column has.
        flagged: for each flag column the names of its columns, in the order of their bits, at most `FLAG_BITS`.
        marked_by_null: places in `names` of guarded columns in which each NULL is a changed value, but for its own ones.
        own_nulls: for each further flag column, after the others, the places whose bits tell that a NULL is its own.
        spans: by place in `names`, first and last value: the reader itself makes NULL of all beyond, and tells which.
        wire_types: the ClickHouse types that `names` are parsed as, in the same order.
    """

    sql: str
    names: tuple[str, ...]
    guarded: Mapping[str, ColumnMapping]
    flag_names: tuple[str, ...]
    flagged: tuple[tuple[str, ...], ...]
    marked_by_null: tuple[int, ...]
    own_nulls: tuple[tuple[int, ...], ...] = ()
    spans: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    wire_types: tuple[str, ...] = ()

    @property
    def aside_bits(self) -> tuple[int, ...]:
        """For each flag column its bits that set a row aside."""
        return tuple(
            sum(1 << bit for bit, name in enumerate(names) if self.guarded[name].sets_aside)
            for names in self.flagged
        )

    @property
    def aside_by_null(self) -> tuple[int, ...]:
        """The places of `marked_by_null` and `spans` where a lost value sets its row aside."""
        places = (*self.marked_by_null, *self.spans)
        return tuple(place for place in places if self.guarded[self.names[place]].sets_aside)

    def batch(
        self, payload: bytes, rows: int, rows_by_column: Mapping[str, int], *, set_aside: int, table: str
    ) -> Batch:
        """The batch of which so many rows were changed, by column, and so many left out.

        Raises `OutOfRangeError` when one of the columns is to fail.
        """
        if not rows_by_column:
            return Batch(payload, rows)
        aside = {name for name, mapping in self.guarded.items() if mapping.sets_aside}
        coerced = {name: count for name, count in rows_by_column.items() if name not in aside}
        aside_by = {name: count for name, count in rows_by_column.items() if name in aside}
        self._refuse_failing(coerced, table)
        return Batch(payload, rows, coerced or NOTHING_COERCED, set_aside, aside_by or NOTHING_COERCED)

    def _refuse_failing(self, rows_by_column: Mapping[str, int], table: str) -> None:
        failing = {
            name: mapping
            for name, mapping in self.guarded.items()
            if mapping.fails_out_of_range and rows_by_column.get(name)
        }
        if failing:
            raise OutOfRangeError(
                table,
                {name: rows_by_column[name] for name in failing},
                reasons={name: mapping.guard.reason for name, mapping in failing.items() if mapping.guard},
            )


def plain_list(sql: str, names: tuple[str, ...]) -> SelectList:
    """A select list without guards, of texts that are named already."""
    wire_types = ("Nullable(String)",) * len(names)
    return SelectList(
        sql, names, guarded={}, flag_names=(), flagged=(), marked_by_null=(), wire_types=wire_types
    )


def select_list(dialect: SqlDialect, mappings: tuple[ColumnMapping, ...]) -> SelectList:
    """The select list of these columns, in order."""
    guarded = {mapping.name: mapping for mapping in mappings if mapping.guard is not None}
    names = tuple(mapping.name for mapping in mappings)
    judged = {name for name, mapping in guarded.items() if _is_judged(mapping)}
    by_null = {name for name, mapping in guarded.items() if name not in judged and _becomes_null(mapping)}
    groups = _groups([mapping for name, mapping in guarded.items() if name not in by_null | judged])
    nullable = _groups([guarded[name] for name in names if name in by_null and _has_own_nulls(guarded[name])])
    expressions = [f"{_read(dialect, mapping)} AS {dialect.quote(mapping.name)}" for mapping in mappings]
    mark = "_out_of_range_"
    while any(mapping.name.startswith(mark) for mapping in mappings):
        mark = f"_{mark}"
    flags = [_flags(dialect, group) for group in groups] + [_own_nulls(dialect, group) for group in nullable]
    flag_names = tuple(f"{mark}{number}" for number in range(len(flags)))
    expressions += [f"{flag} AS {dialect.quote(name)}" for name, flag in zip(flag_names, flags, strict=True)]
    return SelectList(
        sql=", ".join(expressions),
        names=names,
        guarded=guarded,
        flag_names=flag_names,
        flagged=tuple(tuple(mapping.name for mapping in group) for group in groups),
        marked_by_null=tuple(place for place, name in enumerate(names) if name in by_null),
        own_nulls=tuple(tuple(names.index(mapping.name) for mapping in group) for group in nullable),
        spans={
            place: mapping.guard.span
            for place, mapping in enumerate(mappings)
            if mapping.guard and mapping.guard.span and mapping.name in judged
        },
        wire_types=tuple(mapping.wire_column.wire_type for mapping in mappings),
    )


def _groups(mappings: list[ColumnMapping]) -> list[list[ColumnMapping]]:
    """As many as one flag column has bits for."""
    return [mappings[at : at + FLAG_BITS] for at in range(0, len(mappings), FLAG_BITS)]


def _becomes_null(mapping: ColumnMapping) -> bool:
    return mapping.guard is not None and (mapping.fails_out_of_range or mapping.guard.replacement == "NULL")


def _has_own_nulls(mapping: ColumnMapping) -> bool:
    """An array's NULL is a value that does not fit."""
    return mapping.holds_null and not mapping.never_null


def _read(dialect: SqlDialect, mapping: ColumnMapping) -> str:
    column = dialect.quote(mapping.source_name)
    read = mapping.read.replace("{column}", column)
    if mapping.guard is None or _is_judged(mapping):
        return read
    violated = mapping.guard.violated.replace("{column}", column)
    replacement = "NULL" if _becomes_null(mapping) else mapping.guard.replacement.replace("{column}", column)
    return dialect.either(violated, replacement, read)


def _is_judged(mapping: ColumnMapping) -> bool:
    """The reader itself makes NULL of what does not fit."""
    has_span = mapping.guard is not None and mapping.guard.span is not None
    return has_span and mapping.read == "{column}" and _becomes_null(mapping)


def _flags(dialect: SqlDialect, group: list[ColumnMapping]) -> str:
    """The sum of bits of a row's violated guards; nearly all rows have none, and pay for one CASE."""
    violated = [
        f"({mapping.guard.violated.replace('{column}', dialect.quote(mapping.source_name))})"
        for mapping in group
        if mapping.guard is not None
    ]
    bits = " + ".join(f"CASE WHEN {term} THEN {1 << bit} ELSE 0 END" for bit, term in enumerate(violated))
    return f"CASE WHEN {' OR '.join(violated)} THEN {bits} ELSE 0 END"


def _own_nulls(dialect: SqlDialect, group: list[ColumnMapping]) -> str:
    return " + ".join(
        f"CASE WHEN {dialect.quote(mapping.source_name)} IS NULL THEN {1 << bit} ELSE 0 END"
        for bit, mapping in enumerate(group)
    )
