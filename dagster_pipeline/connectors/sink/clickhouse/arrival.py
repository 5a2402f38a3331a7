"""A few rows of the wire as they would be stored, by a SELECT that writes nothing: for a look before a load. Pure.

The bytes stand in the statement, so they are read by the very parser and the very expressions of an INSERT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dagster_pipeline.connectors.batch import WireColumn, WireFormat
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_string, structure
from dagster_pipeline.connectors.sink.clickhouse.insert import loaded_values, parsed_types


def arrival_statement(
    columns: Sequence[WireColumn],
    wire_format: WireFormat,
    payload: bytes,
    *,
    wire_types: Mapping[str, str],
    stored: Mapping[str, str],
) -> str:
    """Each column of `stored`, which are ClickHouse types by name, as text; bytes that are none as `bytes 0x...`."""
    parsed = parsed_types(wire_types, wire_format)
    loads = loaded_values(columns, wire_types, parsed)
    texts = (_text(f"toString(CAST({loads[name]}, {quote_string(type_)}))") for name, type_ in stored.items())
    shape = quote_string(structure(parsed.items()))
    data = f"format({wire_format}, {shape}, unhex('{payload.hex()}'))"
    return f"SELECT {', '.join(texts)} FROM {data}"


def _text(value: str) -> str:
    return f"if(isValidUTF8({value}), {value}, concat('bytes 0x', lower(hex({value}))))"
