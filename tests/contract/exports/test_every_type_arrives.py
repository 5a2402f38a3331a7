"""Edge values of every type arrive just as the warehouse has them, or the column is refused by its name."""

from __future__ import annotations

import struct
from contextlib import closing
from typing import Any

import pytest

from dagster_pipeline.connectors.sink.base_export_sink import Export, ExportMode
from dagster_pipeline.connectors.sink.export_types import exported_columns
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.exports.named_export import NamedExport
from tests.contract.exports.export_rig import ExportRig

EDGES: dict[str, tuple[str, ...]] = {
    "Int8": ("-128", "127"),
    "Int16": ("-32768", "32767"),
    "Int32": ("-2147483648", "2147483647"),
    "Int64": ("-9223372036854775808", "9223372036854775807"),
    "UInt8": ("0", "255"),
    "UInt16": ("0", "65535"),
    "UInt32": ("0", "4294967295"),
    "UInt64": ("0", "18446744073709551615"),
    "Float32": ("-0.5", "3.4e38"),
    "Float64": ("5e-324", "1.7976931348623157e308"),
    "Bool": ("true", "false"),
    "String": ("''", "'é\\t\\n\\\\\\'\"𝄞'"),
    "LowCardinality(String)": ("''", "'a'"),
    "Decimal(9, 4)": ("'-99999.9999'", "'99999.9999'"),
    "Decimal(38, 10)": ("'-9999999999999999999999999999.9999999999'", "'0.0000000001'"),
    "Decimal(76, 20)": ("'12345678901234567890123456789012345678901234567890123456.12345678901234567891'", "'-1'"),
    "Date": ("'1970-01-01'", "'2149-06-06'"),
    "Date32": ("'1900-01-01'", "'2299-12-31'"),
    "DateTime('UTC')": ("'1970-01-01 00:00:00'", "'2106-02-07 06:28:15'"),
    "DateTime64(3, 'UTC')": ("'1900-01-01 00:00:00.001'", "'2299-12-31 23:59:59.999'"),
    "DateTime64(6, 'UTC')": ("'1900-01-01 00:00:00.000001'", "'2299-12-31 23:59:59.999999'"),
    "DateTime64(9, 'UTC')": ("'1970-01-01 00:00:00.000000001'", "'2262-04-11 23:47:16.854775807'"),
    "UUID": ("'00000000-0000-0000-0000-000000000000'", "'61f0c404-5cb3-11e7-907b-a6006ad3dba0'"),
    "IPv4": ("'0.0.0.0'", "'255.255.255.255'"),
    "IPv6": ("'::'", "'2001:db8::ff00:42:8329'"),
    "Array(Int32)": ("[]", "[1, -2]"),
    "Array(Nullable(String))": ("['a', NULL]", "['']"),
}  # fmt: skip
AS_TEXT = ("UUID", "IPv4", "IPv6", "DateTime64(9, 'UTC')")
NO_SINK_TAKES = ("Int128", "UInt256", "Enum8('a' = 1)", "Map(String, String)", "Tuple(Int8, String)")


def _query(types: list[str]) -> str:
    rows = []
    for edge in (0, 1):
        values = ", ".join(
            f"CAST({EDGES[type_][edge]} AS {type_}) AS c{index}" for index, type_ in enumerate(types)
        )
        nulls = ", ".join(
            f"CAST({'NULL' if edge else EDGES[type_][0]} AS Nullable({type_})) AS n{index}"
            for index, type_ in enumerate(types)
            if not type_.startswith(("Array", "Low"))
        )
        rows.append(f"SELECT toInt32({edge}) AS id, {values}, {nulls}")
    return " UNION ALL ".join(rows)


def _columns(types: list[str]) -> list[str]:
    nulls = [f"n{index}" for index, type_ in enumerate(types) if not type_.startswith(("Array", "Low"))]
    return ["id", *(f"c{index}" for index in range(len(types))), *nulls]


def _refused(rig: ExportRig, export: NamedExport) -> set[str]:
    """Types that `check` refuses, each by its column's name."""
    refused = {}
    with closing(rig.sink(export)) as sink:
        for type_ in EDGES:
            columns = exported_columns([("id", "Int32", ""), ("edge_value", type_, "")])
            try:
                sink.check(Export("0123456789ab", columns, ExportMode.REPLACE))
            except ConfigurationError as error:
                refused[type_] = str(error)
    assert all("edge_value" in said for said in refused.values())
    return set(refused)


def test_edge_values_and_nulls_arrive_exactly_or_the_column_is_refused(rig: ExportRig):
    export = rig.describe(
        "replace", source={"query": "SELECT 1 AS id"}, sink=rig.case.plain_sink(), columns=None
    )
    refused = _refused(rig, export)
    assert refused >= rig.case.refused
    types = [type_ for type_ in EDGES if type_ not in refused]
    query, names = _query(types), _columns(types)
    rig.describe("replace", source={"query": query}, sink=rig.case.plain_sink(), columns=None)
    rig.run()
    shown = [
        f"toString({name})" if name != "id" and types[int(name[1:])] in AS_TEXT else name for name in names
    ]
    expected = rig.warehouse.rows(f"SELECT {', '.join(shown)} FROM ({query}) ORDER BY id")
    found = sorted(rig.case.rows(names), key=lambda row: row[0])
    differing = [
        f"{name}: {ours[place]!r} is not {theirs[place]!r}"
        for ours, theirs in zip(found, expected, strict=True)
        for place, name in enumerate(names)
        if _plain(ours[place], _type_of(name, types)) != _plain(theirs[place], _type_of(name, types))
    ]
    assert differing == []


@pytest.mark.parametrize("type_", NO_SINK_TAKES)
def test_a_type_that_does_not_travel_is_refused_by_name(rig: ExportRig, type_: str):
    value = {"E": "'a'", "M": "map('a', 'b')", "T": "(1, 'a')"}.get(type_[0], "1")
    query = f"SELECT 1 AS id, CAST({value} AS {type_}) AS strange"
    rig.describe("replace", source={"query": query}, sink=rig.case.plain_sink(), columns=None)
    with pytest.raises(ConfigurationError, match="'strange' is "):
        rig.run()


def _type_of(name: str, types: list[str]) -> str:
    return "Int32" if name == "id" else types[int(name[1:])]


def _plain(value: Any, type_: str) -> Any:
    """Alike, whatever the driver makes of it: lists, and the shortest text of a float of 32 bits."""
    if type_ == "Float32" and value is not None:
        return struct.pack("f", value)
    return list(value) if isinstance(value, list | tuple) else value
