"""Rules of `checks:`: each has a name of its own, looks at what reaches the warehouse, and only ever reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dagster_pipeline.schema.finding import Finding, listed, suggest
from dagster_pipeline.schema.models import Mask, SyncMode, TableCheck, TableSchema
from dagster_pipeline.schema.naming import SYSTEM_COLUMNS
from dagster_pipeline.schema.rules_columns import unknown_column
from dagster_pipeline.schema.rules_table import is_temporal

_MASKED_TEXT = frozenset({"regex", "accepted_values", "between"})


def names_and_columns(table: TableSchema) -> Iterator[Finding]:
    """Names are there once, and columns reach the warehouse."""
    names = {column.name: column for column in table.columns}
    first: dict[str, int] = {}
    for index, check in enumerate(table.checks):
        key = f"checks[{index}]"
        if check.name in first:
            line = table.line(f"checks[{first[check.name]}]")
            yield Finding(
                key, f"A check named '{check.name}' exists already, on line {line}.", "Remove or rename one."
            )
        first.setdefault(check.name, index)
        for name in check.columns:
            if name not in names:
                yield unknown_column(_column_key(table, index, check), f"check {check.kind}", name, names)
            elif names[name].mask is Mask.DROP:
                what = f"check {check.kind} looks at '{name}', which `mask: drop` leaves out."
                yield Finding(_column_key(table, index, check), what, "Remove the check.")
            elif names[name].mask is not None and check.kind in _MASKED_TEXT:
                what = (
                    f"check {check.kind} looks at '{name}', of which only `mask: {names[name].mask}` arrives."
                )
                yield Finding(
                    _column_key(table, index, check),
                    what,
                    "Check it at the source, or use not_null or unique.",
                )


def kinds(table: TableSchema) -> Iterator[Finding]:
    """A freshness looks at a time, and `window: new` means less than the whole table."""
    names = {column.name: column for column in table.columns}
    for index, check in enumerate(table.checks):
        key = f"checks[{index}].{check.kind}"
        if check.only_new and table.sync.mode is SyncMode.FULL:
            yield Finding(
                f"{key}.window",
                "`window: new` means nothing with `sync.mode: full`, which writes every row every time.",
                "Remove it.",
            )
        for name in check.columns if check.kind == "freshness" else ():
            if name in names and not is_temporal(table, names[name]):
                yield Finding(
                    f"{key}.column",
                    f"check freshness needs a date or a time; '{name}' is {names[name].type[:80]}.",
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


def queries(table: TableSchema) -> Iterator[Finding]:
    """A query of a file's own is one SELECT that ClickHouse could run, over columns that there are."""
    for index, check in enumerate(table.checks):
        if check.kind == "sql":
            # Imported here: a tenth of a second that only trees with such checks pay.
            from dagster_pipeline.schema.check_sql import judge_query  # noqa: PLC0415

            known = {column.name for column in table.columns if column.mask is not Mask.DROP}
            yield from judge_query(
                check.arguments["query"], f"checks[{index}].sql.query", known | set(SYSTEM_COLUMNS)
            )


def relationships(tables: Sequence[TableSchema]) -> Iterator[tuple[TableSchema, Finding]]:
    """The other table of a relationship has a file, which is enabled and brings the column along."""
    by_name = {table.name: table for table in tables}
    for table in tables:
        for index, check in enumerate(table.checks):
            if check.kind == "relationship":
                finding = _relationship(check, f"checks[{index}].relationship", by_name)
                if finding is not None:
                    yield table, finding


def _relationship(check: TableCheck, key: str, tables: dict[str, TableSchema]) -> Finding | None:
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
    names = {column.name: column for column in other.columns if column.mask is not Mask.DROP}
    if field not in names:
        known = f"Its columns are {listed(names)}."[:300]
        return Finding(
            f"{key}.field",
            f"check relationship names '{field}', which is no column of {wanted}.",
            suggest(field, names, otherwise=known),
        )
    return None


def _column_key(table: TableSchema, index: int, check: TableCheck) -> str:
    """The key that names the columns, as deep as the file writes it."""
    key = f"checks[{index}].{check.kind}"
    return next((deeper for part in ("columns", "column") if (deeper := f"{key}.{part}") in table.lines), key)
