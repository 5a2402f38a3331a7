"""The laboratory's results as a page: one row per type, summed over modes and warehouses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scripts.bench.lossless import Cost
from tests.type_lab.case import TypeCase
from tests.type_lab.laboratory import Outcome

HEAD = (
    "source type",
    "ClickHouse type",
    "values",
    "loads",
    "exact",
    "clamped",
    "to NULL",
    "refused",
    "wrong",
)


_HOW = """\
Every value below was inserted at the source, loaded by the real pipeline (file, loader, engine, connector, state), moved
to another row by an UPDATE and loaded again; in modes `full` and `incremental`, embedded and over HTTP. The source printed
what it held, the warehouse printed what arrived, and the texts were compared.

- **values**: different values in the catalogue. **loads**: how often one of them travelled.
- **exact**: arrived as it was.
- **clamped**, **to NULL**: did not fit; `out_of_range: clamp` or `null` did what it says, and the run counted it for that
  column.
- **refused**: did not fit; `out_of_range: fail` stopped the run, named the column, and nothing arrived.
- **wrong**: anything else.

A type with the words `as ...` has that `clickhouse_type` in its file. Names, sessions, random tables and what losslessness
costs: see [what else is tried](#what-else-is-tried) at the end.
"""


_ALSO = """
## What else is tried

- **Random tables**: {random_tables} tables of random names, types, parameters, keys, modes and rows were written at the
  source, loaded in chunks of a few rows, changed (new rows, changed rows, in mode `full` deleted ones), loaded again, and
  equal each time.
- **Sessions and zones**: all exact values and all clamped ones travel again while the server's defaults are hostile to
  clients: another time zone, `DateStyle`, `IntervalStyle`, `bytea_output`, `extra_float_digits`, `client_encoding`,
  `search_path` and more in PostgreSQL; `sql_mode` (`ANSI_QUOTES`, `NO_BACKSLASH_ESCAPES`, `PAD_CHAR_TO_FULL_LENGTH` ...),
  `time_zone`, character set, collation and `init_connect` in MariaDB.
- **Names**: reserved words, mixed case, blanks in front and within, quotes, back-ticks, back-slashes, dots, dashes, percent
  signs, question marks, colons, braces, SQL comments, other scripts, 60 characters, digits alone, names that our own
  statements use inside; as columns and as tables. A column named `_version`, `_deleted` or `_synced_at` is refused by the
  file with its line, and left out with a note when only the source has it.
- **Columns that the source fills or hides**: generated (stored and virtual), identity, serial, auto-increment, invisible,
  `ON UPDATE`; partitioned, inherited and system-versioned tables.
- **Other encodings**: every byte of nine one-byte character sets of MariaDB, and PostgreSQL databases in LATIN1, WIN1251,
  EUC_JP and SQL_ASCII. What the server can turn into UTF-8 arrives in UTF-8; bytes without an encoding arrive as they are.

## What it costs

The same 13 columns and a million rows, loaded in full over HTTP in turn: with the guards and casts that make every value
arrive as it was, and without them. Medians of seven pairs.
"""

COST_HEAD = ("source", "rows/s lossless", "rows/s without", "rate", "CPU of the loading process")


@dataclass
class Row:
    """Sums of one type under one ClickHouse type.

    Attributes:
        values: different literals of the case.
        loaded: values that were written, moved and compared, over all runs.
    """

    case: TypeCase
    stored: str = ""
    loaded: int = 0
    exact: int = 0
    clamped: int = 0
    nulled: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def values(self) -> int:
        """Different literals that were tried."""
        return len({*self.case.exact, *(value for value, _ in self.case.coerced)})

    def cells(self) -> tuple[str, ...]:
        """What stands in the table."""
        numbers = (
            self.values,
            self.loaded,
            self.exact,
            self.clamped,
            self.nulled,
            self.refused,
            len(self.wrong),
        )
        return (f"`{self.case.name}`", f"`{self.stored}`", *map(str, numbers))


@dataclass
class Findings:
    """Everything that one source database gave.

    Attributes:
        product: name and version of the server.
        random_tables: how many were loaded, changed, loaded again and equal.
    """

    product: str
    refused_types: Sequence[str]
    random_tables: int = 0
    rows: dict[TypeCase, Row] = field(default_factory=dict)

    def add(self, kind: str, outcomes: Iterable[Outcome]) -> None:
        """Count the outcomes of one run; `kind` is `exact`, `clamped`, `nulled` or `refused`."""
        for outcome in outcomes:
            row = self.rows.setdefault(outcome.case, Row(outcome.case))
            row.loaded += outcome.tried
            row.stored = row.stored if kind == "nulled" else outcome.stored
            setattr(row, kind, getattr(row, kind) + outcome.exact + outcome.coerced + outcome.refused)
            row.wrong += outcome.wrong

    @property
    def wrong(self) -> list[str]:
        """Every value that did not arrive as promised, in words."""
        return [each for row in self.rows.values() for each in row.wrong]


def page(found: Sequence[Findings], *, date: str, engine: str, costs: Sequence[Cost]) -> str:
    """The whole page in Markdown."""
    products = " and ".join(each.product for each in found)
    written = f"Written by `make type-lab` on {date}, ClickHouse engine {engine}, over {products}."
    lines = [*f"# Every value, tried\n\n{written}\n{_HOW}".splitlines()]
    for each in found:
        total = sum(row.loaded for row in each.rows.values())
        lines += ["", f"## {each.product}", ""]
        lines.append(
            f"{len({case.type for case in each.rows})} types, {sum(row.values for row in each.rows.values()):,} values, "
            f"{total:,} loads of a value, {len(each.wrong)} wrong."
        )
        lines += ["", _row(HEAD), _row(["---", "---", *["--:"] * 7])]
        lines += [_row(row.cells()) for row in each.rows.values()]
        names = ", ".join(f"`{name}`" for name in each.refused_types if name)
        lines += ["", f"Not taken, with a sentence that says what to write instead: {names}."]
    tables = sum(each.random_tables for each in found)
    lines += [*_ALSO.format(random_tables=f"{tables:,}").splitlines(), ""]
    lines += [_row(COST_HEAD), _row(["---", *["--:"] * 4])]
    lines += [_row(_cost_cells(cost)) for cost in costs]
    return "\n".join(lines) + "\n"


def _cost_cells(cost: Cost) -> tuple[str, ...]:
    return (
        cost.product,
        f"{cost.lossless:,.0f}",
        f"{cost.plain:,.0f}",
        f"{cost.ratio - 1:+.1%}",
        f"{cost.cpu_ratio - 1:+.1%}",
    )


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
