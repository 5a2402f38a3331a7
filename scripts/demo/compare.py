"""Proves that a warehouse table equals its source table: both sides compute the same sums over every row.

A sum is exact: whole numbers and decimals as they are, days and moments as whole units since 1970, texts and bytes as
the first four bytes of their MD5. Each side computes with its own functions, so no code of the pipeline is trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from scripts.demo.databases import Dialect

Kind = Literal["number", "day", "moment", "text", "bytes"]


@dataclass(frozen=True, slots=True, eq=False)
class ComparedTable:
    """One table, and the columns that both sides sum up.

    Attributes:
        database, table: the same name on both sides.
        columns: a column's name by the kind of its sum.
        where: the table file's own filter.
    """

    database: str
    table: str
    columns: Mapping[Kind, str]
    where: str = "1 = 1"

    @property
    def asset(self) -> str:
        """The asset's key, as Dagster prints it."""
        return f"{self.database}/{self.table}"

    def measures(self) -> list[tuple[Kind, str]]:
        """Kind and name of each summed column."""
        return [(kind, name) for kind, names in self.columns.items() for name in names.split()]


TABLES = (
    ComparedTable(
        "amtdb",
        "accounts",
        {
            "number": "id customer_id balance credit_limit is_business billing_day payment_terms_days invoice_count",
            "day": "opened_on closed_on",
            "moment": "created_at updated_at",
            "text": "account_code status currency",
        },
    ),
    ComparedTable(
        "amtdb",
        "customers",
        {
            "number": "id loyalty_points timezone_offset_minutes rating lifetime_value",
            "moment": "last_login_at created_at updated_at",
            "text": "country company notes preferences",
            "bytes": "avatar",
        },
        where="is_test = 0",
    ),
    ComparedTable(
        "sales_service",
        "leads",
        {
            "number": "id lead_source_id budget session_seconds clock_skew_ms consent",
            "moment": "received_at",
            "text": "message subject utm referrer landing_page",
        },
    ),
    ComparedTable(
        "sales_service",
        "leadsources",
        {
            "number": "id cost_per_lead external_id is_active",
            "moment": "created_at",
            "text": "code name channel",
        },
    ),
    ComparedTable(
        "fma",
        "premises",
        {
            "number": "id floors rooms area_m2 book_value",
            "day": "built_on",
            "moment": "created_at updated_at",
            "text": "reference name address attributes",
            "bytes": "floor_plan",
        },
    ),
    ComparedTable(
        "fma",
        "premise_details",
        {
            "number": "premise_id value_number",
            "day": "valid_from",
            "moment": "updated_at",
            "text": "detail_kind value_text value_json verified_by",
        },
    ),
    ComparedTable(
        "sentinel",
        "devices",
        {
            "number": "premise_id",
            "day": "installed_on",
            "moment": "last_seen_at updated_at",
            "text": "id serial_number model status mac_address settings raw_manifest",
            "bytes": "public_key",
        },
    ),
)

SUMS: Mapping[Dialect | Literal["clickhouse"], Mapping[Kind, str]] = {
    "mysql": {
        "number": "SUM({column})",
        "day": "SUM(TO_DAYS({column}) - TO_DAYS('1970-01-01'))",
        "moment": "SUM(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {column}))",
        "text": "SUM(CAST(CONV(LEFT(MD5({column}), 8), 16, 10) AS UNSIGNED))",
        "bytes": "SUM(CAST(CONV(LEFT(MD5({column}), 8), 16, 10) AS UNSIGNED))",
    },
    "postgres": {
        "number": "SUM({column})",
        "day": "SUM({column} - date '1970-01-01')",
        "moment": "SUM((extract(epoch FROM {column}) * 1000000)::numeric(30, 0))",
        "text": "SUM(('x' || left(md5({column}::text), 8))::bit(32)::bigint)",
        "bytes": "SUM(('x' || left(md5({column}), 8))::bit(32)::bigint)",
    },
    "clickhouse": {
        "number": "sum(toDecimal256({column}, 20))",
        "day": "sum(toInt64(toInt32({column})))",
        "moment": "sum(toInt256(toUnixTimestamp64Micro(toDateTime64({column}, 6, 'UTC'))))",
        "text": "sum(reinterpretAsUInt32(reverse(substring(MD5(toString({column})), 1, 4))))",
        "bytes": "sum(reinterpretAsUInt32(reverse(substring(MD5({column}), 1, 4))))",
    },
}


def query(table: ComparedTable, dialect: Dialect | Literal["clickhouse"]) -> str:
    """One row: how many rows there are, then the sums in the order of `measures`."""
    sums = [SUMS[dialect][kind].format(column=name) for kind, name in table.measures()]
    place = f"{table.database}.{table.table}" if dialect == "clickhouse" else table.table
    where = "1 = 1" if dialect == "clickhouse" else table.where
    return f"SELECT {', '.join(['COUNT(*)', *sums])} FROM {place} WHERE {where}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What both sides said of one table.

    Attributes:
        source_rows, warehouse_rows: how many rows; the warehouse's under FINAL.
        differences: names of the columns whose sums differ.
    """

    table: ComparedTable
    source_rows: int
    warehouse_rows: int
    differences: Sequence[str] = field(default_factory=tuple)

    @property
    def agrees(self) -> bool:
        """Both sides hold the same rows."""
        return self.source_rows == self.warehouse_rows and not self.differences


def compare(
    table: ComparedTable,
    dialect: Dialect,
    *,
    source: Callable[[str], Sequence[object]],
    warehouse: Callable[[str], Sequence[object]],
) -> Comparison:
    """Ask both sides; `source` and `warehouse` return the only row of a query."""
    left, right = source(query(table, dialect)), warehouse(query(table, "clickhouse"))
    names = [name for _, name in table.measures()]
    pairs = zip(names, left[1:], right[1:], strict=True)
    return Comparison(
        table=table,
        source_rows=int(str(left[0])),
        warehouse_rows=int(str(right[0])),
        differences=tuple(name for name, a, b in pairs if _exact(a) != _exact(b)),
    )


def _exact(value: object) -> Decimal:
    return Decimal(str(value)) if value is not None else Decimal(0)
