"""One INSERT as text, and the settings that make it strict. Pure.

Rows arrive in a table function (`input` over HTTP, `file` in the embedded engine), are turned into what is stored by
the columns' load expressions, and get the version. Everything that would let ClickHouse guess, skip or replace a value
silently is switched off here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dagster_pipeline.connectors.batch import WireColumn, WireFormat
from dagster_pipeline.connectors.sink.base_sink_connector import VERSION_COLUMN, WriteRequest
from dagster_pipeline.connectors.sink.clickhouse.ddl import (
    quote_identifier,
    quote_string,
    quote_table,
    structure,
)

Setting = str | int

UNBOUNDED = 2**62
"""More rows and bytes than a block can have: it is never cut."""

MAX_PARTITIONS_PER_BLOCK = 1_000
MAX_STATEMENT_BYTES = 16 * 2**20

STRICT_SETTINGS: Mapping[str, Setting] = {
    "async_insert": 0,
    "throw_if_no_data_to_insert": 0,
    "max_execution_time": 0,
    "max_query_size": MAX_STATEMENT_BYTES,  # a table of a thousand columns; a quarter MiB is the default
    # A NULL or a missing value is an error, never a default.
    "input_format_null_as_default": 0,
    "insert_null_as_default": 0,
    "input_format_defaults_for_omitted_fields": 0,
    "input_format_tsv_empty_as_default": 0,
    "input_format_tsv_allow_variable_number_of_columns": 0,
    "input_format_arrow_allow_missing_columns": 0,
    # No row is skipped: not a bad one, not one that looks like a header, not a last one.
    "input_format_allow_errors_num": 0,
    "input_format_allow_errors_ratio": 0,
    "input_format_tsv_skip_first_lines": 0,
    "input_format_tsv_detect_header": 0,
    "input_format_tsv_skip_trailing_empty_lines": 0,
    "input_format_tsv_crlf_end_of_line": 0,
    # A value means one thing, and a float's text means the nearest float.
    "precise_float_parsing": 1,
    "format_tsv_null_representation": "\\N",
    "input_format_tsv_enum_as_number": 0,
    "date_time_input_format": "basic",
    "date_time_overflow_behavior": "throw",
    "decimal_check_overflow": 1,
    "input_format_arrow_case_insensitive_column_matching": 0,
}
"""For every connection. What no setting can make strict is the type mapper's to guard: in text an integer too large for
its type wraps, an empty one is 0, and digits beyond a decimal's scale are cut; a conversion from a wider wire type does the
same."""


BULK_SETTINGS: Mapping[str, Setting] = {
    # A chunk is parsed by one thread, three times as fast as a source gives rows: a tenth less of the warehouse's CPU,
    # and chunks run in parallel anyway.
    "input_format_parallel_parsing": 0,
    # The engine would collapse the rows of each block by their key before it writes them, and a load's rows have
    # different keys: a fifth of the warehouse's CPU. Twins collapse as those of different blocks do.
    "optimize_on_insert": 0,
}
"""What makes an insert of many rows cheap."""


@dataclass(frozen=True, slots=True)
class InsertStatement:
    """An INSERT whose rows come from a table function.

    Attributes:
        target: table and column list.
        select: what is stored, in the column list's order.
        structure: names and types on the wire.
        columns: how many columns the wire has.
    """

    target: str
    select: str
    structure: str
    columns: int
    wire_format: WireFormat

    def from_input(self) -> str:
        """As a server takes it: the data follow the statement, after one line feed."""
        source = f"input({quote_string(self.structure)})"
        return f"INSERT INTO {self.target} SELECT {self.select} FROM {source} FORMAT {self.wire_format}\n"

    def from_file(self, path: str, settings: Mapping[str, Setting]) -> str:
        """As the embedded engine takes it: the data are read from `path`."""
        source = (
            f"file({quote_string(path)}, {quote_string(self.wire_format)}, {quote_string(self.structure)})"
        )
        return f"INSERT INTO {self.target} {settings_clause(settings)} SELECT {self.select} FROM {source}"


def settings_clause(settings: Mapping[str, Setting]) -> str:
    """`SETTINGS name = value, ...`."""
    listed = ", ".join(
        f"{name} = {quote_string(value) if isinstance(value, str) else value}"
        for name, value in settings.items()
    )
    return f"SETTINGS {listed}"


def insert_statement(request: WriteRequest, wire_types: Mapping[str, str]) -> InsertStatement:
    """The statement of one write; `wire_types` are the columns' wire types, in order, in ClickHouse's own spelling."""
    table = request.table
    parsed = parsed_types(wire_types, request.wire_format)
    loads = loaded_values(request.columns, wire_types, parsed)
    names = [*loads, VERSION_COLUMN]
    return InsertStatement(
        target=f"{quote_table(table.database, table.name)} ({', '.join(map(quote_identifier, names))})",
        # Named, since ClickHouse would call the number by its digits, as a source may call a column.
        select=", ".join([*loads.values(), f"{request.version} AS {quote_identifier(VERSION_COLUMN)}"]),
        structure=structure(parsed.items()),
        columns=len(request.columns),
        wire_format=request.wire_format,
    )


def parsed_types(wire_types: Mapping[str, str], wire_format: WireFormat) -> dict[str, str]:
    """What each column of the wire is read as."""
    return {name: _able_to_see_null(wire_type, wire_format) for name, wire_type in wire_types.items()}


def loaded_values(
    columns: Sequence[WireColumn], wire_types: Mapping[str, str], parsed: Mapping[str, str]
) -> dict[str, str]:
    """The expression of what is stored, by column."""
    return {
        column.name: _loaded(column, wire_type=wire_types[column.name], parsed_type=parsed[column.name])
        for column in columns
    }


def insert_settings(request: WriteRequest) -> dict[str, Setting]:
    """Settings of one write.

    Only an atomic write carries its token. Any other may be cut into several blocks, each remembered by its position;
    a second attempt reads the source again, its rows may stand in other blocks, and a block that is taken for known
    would swallow rows that never arrived. Writing again is harmless there, so nothing is deduplicated at all, not even
    by content, as replicated tables do by default (github.com/ClickHouse/ClickHouse/issues/61565).
    """
    settings: dict[str, Setting] = {"log_comment": request.query_comment, **BULK_SETTINGS}
    if request.table.partition_by:
        settings["max_partitions_per_insert_block"] = max(MAX_PARTITIONS_PER_BLOCK, request.partitions)
    if request.atomic:
        settings |= {
            "insert_deduplication_token": request.token,
            "min_insert_block_size_rows": UNBOUNDED,
            "min_insert_block_size_bytes": UNBOUNDED,
            "max_insert_threads": 1,
        }
    return settings


def deduplication(request: WriteRequest, known_settings: Mapping[str, object]) -> dict[str, Setting]:
    """Deduplication of one write, by its token."""
    return deduplication_switch(on=request.atomic and bool(request.token), known_settings=known_settings)


def deduplication_switch(*, on: bool, known_settings: Mapping[str, object]) -> dict[str, Setting]:
    """Switches deduplication on or off, in the words that this server knows: they changed over its versions."""
    words: dict[str, Setting] = {
        "insert_deduplicate": int(on),
        "deduplicate_insert": "enable" if on else "disable",
        "deduplicate_insert_select": "force_enable" if on else "disable",
        "insert_select_deduplicate": int(on),
    }
    return {name: value for name, value in words.items() if name in known_settings}


_TEXT = re.compile(r"(String|FixedString\(\d+\)|Enum(8|16)\(.*\))", re.DOTALL)
_NUMBER_OR_TIME = re.compile(
    r"(U?Int|Float|BFloat|Decimal|Date|DateTime|Time|Bool|UUID|IPv)(\d+)?(\(.*\))?", re.DOTALL
)
_LOW_CARDINALITY = re.compile(r"LowCardinality\((?!Nullable)(.*)\)", re.DOTALL)


def _able_to_see_null(wire_type: str, wire_format: WireFormat) -> str:
    r"""The wire type, made Nullable where a NULL would otherwise pass unseen, or be refused without its column's name.

    In TSV `\N` in a text column is read as an empty string without a word; other types refuse it, and say where it
    stands. The reader of Arrow refuses NULL in numbers and times without saying in which column.
    """
    low = _LOW_CARDINALITY.fullmatch(wire_type)
    if low:
        return f"LowCardinality(Nullable({low[1]}))"
    is_blind = _TEXT.fullmatch(wire_type) or (
        wire_format is WireFormat.ARROW_STREAM and _NUMBER_OR_TIME.fullmatch(wire_type)
    )
    return f"Nullable({wire_type})" if is_blind else wire_type


def _loaded(column: WireColumn, *, wire_type: str, parsed_type: str) -> str:
    """What is stored. A load expression gets the type that it was written for; the cast refuses NULL.

    Without an expression the INSERT's own conversion refuses it, and its error names the column.
    """
    value = quote_identifier(column.name)
    if parsed_type != wire_type and column.load != "{column}":
        value = f"CAST({value}, {quote_string(wire_type)})"
    return column.load.replace("{column}", value)
