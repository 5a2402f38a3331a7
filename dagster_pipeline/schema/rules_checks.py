"""Rules of `checks:`: each has a name of its own, looks at what reaches the warehouse, and only ever reads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dagster_pipeline.schema.finding import Finding, listed, suggest
from dagster_pipeline.schema.models import Mask, SyncMode, TableCheck, TableSchema
from dagster_pipeline.schema.naming import SYSTEM_COLUMNS
from dagster_pipeline.schema.rules_columns import unknown_column
from dagster_pipeline.schema.rules_table import is_temporal

_MASKED_TEXT = frozenset({"regex", "accepted_values", "between"})


@dataclass(frozen=True)
class CheckedFile:
    """What the checks of one file are judged against, whatever kind of file it is.

    Attributes:
        columns: every column with its mask.
        types: every column's type, as the file writes it.
        times: columns that are a date or a point in time.
        rewritten: why `window: new` means nothing, because each run writes every row; empty when it does not.
        line: of a key, from 1.
        has: whether the file writes the key.
    """

    checks: Sequence[TableCheck]
    columns: Mapping[str, Mask | None]
    types: Mapping[str, str]
    times: frozenset[str]
    rewritten: str
    line: Callable[[str], int]
    has: Callable[[str], bool]

    def column_key(self, index: int) -> str:
        """The key that names a check's columns, as deep as the file writes it."""
        key = f"checks[{index}].{self.checks[index].kind}"
        return next((deeper for part in ("columns", "column") if self.has(deeper := f"{key}.{part}")), key)


def of_table(table: TableSchema) -> Iterator[Finding]:
    """The checks of a table file."""
    if not table.checks:
        return
    full = table.sync.mode is SyncMode.FULL
    yield from judge_checks(
        CheckedFile(
            checks=table.checks,
            columns={column.name: column.mask for column in table.columns},
            types={column.name: column.type for column in table.columns},
            times=frozenset(column.name for column in table.columns if is_temporal(table, column)),
            rewritten="with `sync.mode: full`, which writes every row every time" if full else "",
            line=table.line,
            has=table.lines.__contains__,
        )
    )


def judge_checks(file: CheckedFile) -> Iterator[Finding]:
    """Every rule of one file's checks."""
    yield from _names_and_columns(file)
    yield from _kinds(file)
    yield from _queries(file)


def _names_and_columns(file: CheckedFile) -> Iterator[Finding]:
    """Names are there once, and columns reach the warehouse."""
    first: dict[str, int] = {}
    for index, check in enumerate(file.checks):
        key = f"checks[{index}]"
        if check.name in first:
            line = file.line(f"checks[{first[check.name]}]")
            yield Finding(
                key, f"A check named '{check.name}' exists already, on line {line}.", "Remove or rename one."
            )
        first.setdefault(check.name, index)
        for name in check.columns:
            if (finding := _column(file, index, name)) is not None:
                yield finding


def _column(file: CheckedFile, index: int, name: str) -> Finding | None:
    key, kind = file.column_key(index), file.checks[index].kind
    if name not in file.columns:
        return unknown_column(key, f"check {kind}", name, file.columns)
    mask = file.columns[name]
    if mask is Mask.DROP:
        what = f"check {kind} looks at '{name}', which `mask: drop` leaves out."
        return Finding(key, what, "Remove the check.")
    if mask is not None and kind in _MASKED_TEXT:
        what = f"check {kind} looks at '{name}', of which only `mask: {mask}` arrives."
        return Finding(key, what, "Check it at the source, or use not_null or unique.")
    return None


def _kinds(file: CheckedFile) -> Iterator[Finding]:
    """A freshness looks at a time, and `window: new` means less than the whole table."""
    for index, check in enumerate(file.checks):
        key = f"checks[{index}].{check.kind}"
        if check.only_new and file.rewritten:
            yield Finding(f"{key}.window", f"`window: new` means nothing {file.rewritten}.", "Remove it.")
        for name in check.columns if check.kind == "freshness" else ():
            if name in file.columns and name not in file.times:
                yield Finding(
                    f"{key}.column",
                    f"check freshness needs a date or a time; '{name}' is {file.types[name][:80]}.",
                    "Choose another column.",
                )


def reconciliation(table: TableSchema) -> Iterator[Finding]:
    """Rows can be told apart."""
    if table.reconcile is not None and not table.primary_key:
        yield Finding(
            "reconcile",
            "`reconcile` needs a primary key; without one rows cannot be told apart.",
            "Mark the key's columns with `primary_key: true`, or remove it.",
        )


def _queries(file: CheckedFile) -> Iterator[Finding]:
    """A query of a file's own is one SELECT that ClickHouse could run, over columns that there are."""
    for index, check in enumerate(file.checks):
        if check.kind == "sql":
            # Imported here: a tenth of a second that only trees with such checks pay.
            from dagster_pipeline.schema.check_sql import judge_query

            known = {name for name, mask in file.columns.items() if mask is not Mask.DROP}
            yield from judge_query(
                check.arguments["query"], f"checks[{index}].sql.query", known | set(SYSTEM_COLUMNS)
            )


@dataclass(frozen=True, slots=True)
class Referable:
    """A table that a relationship may name, with the columns that it brings along."""

    enabled: bool
    columns: Collection[str]


def referable(tables: Iterable[TableSchema]) -> dict[str, Referable]:
    """Tables of files by name."""
    return {
        table.name: Referable(
            table.enabled, [column.name for column in table.columns if column.mask is not Mask.DROP]
        )
        for table in tables
    }


def relationships(tables: Sequence[TableSchema]) -> Iterator[tuple[TableSchema, Finding]]:
    """The other table of a relationship has a file, which is enabled and brings the column along."""
    known = referable(tables)
    for table in tables:
        for finding in judge_relationships(table.checks, known):
            yield table, finding


def judge_relationships(checks: Sequence[TableCheck], known: Mapping[str, Referable]) -> Iterator[Finding]:
    """The relationships among one file's checks."""
    for index, check in enumerate(checks):
        if check.kind == "relationship":
            finding = _relationship(check, f"checks[{index}].relationship", known)
            if finding is not None:
                yield finding


def _relationship(check: TableCheck, key: str, tables: Mapping[str, Referable]) -> Finding | None:
    wanted, field = check.arguments["to"], check.arguments["field"]
    other = tables.get(wanted)
    if other is None:
        return Finding(
            f"{key}.to",
            f"check relationship names the table '{wanted}', which no file brings into the warehouse.",
            suggest(wanted, tables, otherwise="Write <database>/<table> of a file, or a check of kind sql."),
        )
    if not other.enabled:
        return Finding(
            f"{key}.to",
            f"check relationship names '{wanted}', whose file says enabled: false.",
            "Enable it, or remove the check.",
        )
    if field not in other.columns:
        known = f"Its columns are {listed(other.columns)}."[:300]
        return Finding(
            f"{key}.field",
            f"check relationship names '{field}', which is no column of {wanted}.",
            suggest(field, other.columns, otherwise=known),
        )
    return None
