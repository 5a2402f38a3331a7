"""From a declared check to its question. Pure: no connection, no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dagster_pipeline.checks.question import Question, Row, Verdict
from dagster_pipeline.checks.samples import SHOWN_ROWS, shortened
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string, quote_table
from dagster_pipeline.connectors.sink.clickhouse.reader_view import READER_SETTINGS, NewRows, Relation
from dagster_pipeline.schema.models import TableCheck

EVERY_TABLE_AS_A_READER_SEES_IT = f"{READER_SETTINGS}, final = 1"
"""FINAL for the other table of a relationship too, where its engine knows it
(clickhouse.com/docs/operations/settings/settings, `final`)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The table that is checked, after a load.

    Attributes:
        new: what the load wrote; `None` when that is the whole table.
        rows_before: rows in the table after the load before; `None` when unknown.
    """

    table: SinkTable
    new: NewRows | None = None
    rows_before: int | None = None


def question(check: TableCheck, subject: Subject) -> Question:
    """The question of one check."""
    everything = Relation(subject.table)
    looked_at = replace(everything, new=subject.new) if check.only_new else everything
    return _BUILDERS[check.kind](check, _Asking(subject, everything, looked_at))


@dataclass(frozen=True, slots=True)
class _Asking:
    """What a builder needs: the whole table, and the part of it that the check looks at."""

    subject: Subject
    everything: Relation
    looked_at: Relation

    @property
    def is_narrowed(self) -> bool:
        return self.looked_at.new is not None

    def failing_rows(
        self, condition: str, columns: tuple[str, ...], what: str, *, settings: str = READER_SETTINGS
    ) -> Question:
        """Every row for which `condition` holds is at fault."""
        shown = tuple(dict.fromkeys((*self.subject.table.primary_key, *columns)))
        texts = ", ".join(f"toString({quote_identifier(name)})" for name in shown)
        return Question(
            sql=f"{self.looked_at.select('count()', condition)} {settings}",
            judge=_none_of(what),
            samples=f"{self.looked_at.select(texts, condition)} LIMIT {SHOWN_ROWS} {settings}",
            sample_columns=shown,
        )


def _none_of(what: str) -> Callable[[Row], Verdict]:
    def judge(row: Row) -> Verdict:
        failed = int(row[0])
        return Verdict(failed == 0, f"{failed:,} {what}", failed)

    return judge


def _not_null(check: TableCheck, asking: _Asking) -> Question:
    nulls = " OR ".join(f"{quote_identifier(column)} IS NULL" for column in check.columns)
    return asking.failing_rows(nulls, check.columns, f"row(s) with NULL in {', '.join(check.columns)}")


def _accepted_values(check: TableCheck, asking: _Asking) -> Question:
    (column,) = check.columns
    name = quote_identifier(column)
    values = ", ".join(quote_string(str(value)) for value in check.arguments["values"])
    condition = f"{name} IS NOT NULL AND toString({name}) NOT IN ({values})"
    return asking.failing_rows(
        condition, check.columns, f"row(s) whose {column} is not one of the accepted values"
    )


def _between(check: TableCheck, asking: _Asking) -> Question:
    """A NaN lies between nothing, so it is at fault."""
    (column,) = check.columns
    name = quote_identifier(column)
    low, high = check.arguments.get("min"), check.arguments.get("max")
    bounds = [f"{name} >= {_literal(low)}"] if low is not None else []
    bounds += [f"{name} <= {_literal(high)}"] if high is not None else []
    limits = _limits(low, high)
    return asking.failing_rows(
        f"{name} IS NOT NULL AND NOT ({' AND '.join(bounds)})",
        check.columns,
        f"row(s) whose {column} is not {limits}",
    )


def _regex(check: TableCheck, asking: _Asking) -> Question:
    (column,) = check.columns
    name = quote_identifier(column)
    condition = (
        f"{name} IS NOT NULL AND NOT match(toString({name}), {quote_string(check.arguments['pattern'])})"
    )
    return asking.failing_rows(condition, check.columns, f"row(s) whose {column} does not match the pattern")


def _masked(check: TableCheck, asking: _Asking) -> Question:
    """A hash has 64 hexadecimal digits, and what is redacted is one word (`type_mapper.masks`)."""
    clear = []
    for column, mask in check.arguments["masks"].items():
        name = quote_identifier(column)
        looks_masked = f"{name} = 'redacted'" if mask == "redact" else f"match({name}, '^[0-9a-f]{{64}}$')"
        clear.append(f"({name} IS NOT NULL AND NOT {looks_masked})")
    what = f"row(s) with a value in {', '.join(check.columns)} that no mask has made"
    return asking.failing_rows(" OR ".join(clear), check.columns, what)


def _unique(check: TableCheck, asking: _Asking) -> Question:
    """Values that a new row brings are looked for in the whole table; by index, where they lead the sorting key."""
    columns = ", ".join(quote_identifier(column) for column in check.columns)
    key = columns if len(check.columns) == 1 else f"({columns})"
    known = [f"{quote_identifier(column)} IS NOT NULL" for column in check.columns]
    if asking.is_narrowed:
        known.append(f"{key} IN ({asking.looked_at.select(columns)})")
    texts = ", ".join(f"toString({quote_identifier(column)})" for column in check.columns)
    grouped = f"{asking.everything.select(f'{texts}, count() AS rows', ' AND '.join(known))} GROUP BY {columns} HAVING rows > 1"
    return Question(
        sql=f"SELECT count() FROM ({grouped}) {READER_SETTINGS}",
        judge=_none_of(f"value(s) of {', '.join(check.columns)} more than once"),
        samples=f"{grouped} LIMIT {SHOWN_ROWS} {READER_SETTINGS}",
        sample_columns=(*check.columns, "rows"),
    )


def _relationship(check: TableCheck, asking: _Asking) -> Question:
    (column,) = check.columns
    name, field = quote_identifier(column), quote_identifier(check.arguments["field"])
    database, _, table = check.arguments["to"].partition("/")
    wanted = f"SELECT {field} FROM {quote_table(database, table)}"
    if asking.is_narrowed:
        wanted += f" WHERE {field} IN ({asking.looked_at.select(name)})"
    return asking.failing_rows(
        f"{name} IS NOT NULL AND {name} NOT IN ({wanted})",
        check.columns,
        f"row(s) whose {column} is no {check.arguments['field']} of {check.arguments['to']}",
        settings=EVERY_TABLE_AS_A_READER_SEES_IT,
    )


def _row_count(check: TableCheck, asking: _Asking) -> Question:
    low, high = check.arguments.get("min"), check.arguments.get("max")
    change, before = check.arguments.get("change"), asking.subject.rows_before

    def judge(row: Row) -> Verdict:
        rows = int(row[0])
        passed = (low is None or rows >= low) and (high is None or rows <= high)
        says = f"{rows:,} row(s)" + (f", wanted {_limits(low, high)}" if (low, high) != (None, None) else "")
        if change is None:
            return Verdict(passed, says)
        if before is None:
            return Verdict(passed, f"{says}; there is no earlier load to compare with")
        moved = abs(rows - before) / before if before else float(rows > 0)
        return Verdict(
            passed and moved <= change,
            f"{says}; {before:,} after the load before, {moved:.1%} changed, at most {change:.1%} wanted",
        )

    return Question(f"{asking.looked_at.select('count()')} {READER_SETTINGS}", judge)


def _freshness(check: TableCheck, asking: _Asking) -> Question:
    (column,) = check.columns
    seconds = int(check.arguments["within"].total_seconds())
    newest = f"toDateTime64(max({quote_identifier(column)}), 0, 'UTC')"
    what = f"count({quote_identifier(column)}), dateDiff('second', {newest}, now('UTC')), toString({newest})"

    def judge(row: Row) -> Verdict:
        if not int(row[0]):
            return Verdict(passed=False, says=f"there is no value in {column}")
        age = int(row[1])
        return Verdict(
            age <= seconds,
            f"the newest {column} is {row[2]} UTC, {age:,} s ago; at most {seconds:,} s wanted",
        )

    return Question(f"{asking.looked_at.select(what)} {READER_SETTINGS}", judge)


def judged_value(expected: str | int | float) -> Callable[[Row], Verdict]:
    """The first value is as expected."""

    def judge(row: Row) -> Verdict:
        found = row[0]
        failed = int(found) if isinstance(found, int) and expected == 0 else None
        shown = shortened(found) if isinstance(found, str) else found
        return Verdict(_equal(found, expected), f"found {shown}, expected {expected}", failed)

    return judge


def _sql(check: TableCheck, asking: _Asking) -> Question:
    query = check.arguments["query"].strip().rstrip(";")
    # The line end: what the driver appends must not belong to a comment.
    return Question(
        query.replace("{table}", asking.looked_at.as_table()) + "\n",
        judged_value(check.arguments.get("expect", 0)),
    )


def _equal(found: Any, expected: str | int | float) -> bool:
    """The same text, or the same number however it is written."""
    if str(found) == str(expected):
        return True
    try:
        return float(found) == float(expected)
    except (TypeError, ValueError):
        return False


def _literal(value: str | int | float) -> str:
    return quote_string(value) if isinstance(value, str) else repr(value)


def _limits(low: Any, high: Any) -> str:
    parts = [f"at least {low}"] if low is not None else []
    parts += [f"at most {high}"] if high is not None else []
    return " and ".join(parts)


_BUILDERS: Mapping[str, Callable[[TableCheck, _Asking], Question]] = {
    "not_null": _not_null,
    "unique": _unique,
    "accepted_values": _accepted_values,
    "between": _between,
    "regex": _regex,
    "relationship": _relationship,
    "row_count": _row_count,
    "freshness": _freshness,
    "sql": _sql,
    "masked": _masked,
}
