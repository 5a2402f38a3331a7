"""The decoder of PostgreSQL's binary COPY, against rows that are encoded here by the words of its documentation."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dagster_pipeline.connectors.sources.arrow_rows import ArrowRows
from dagster_pipeline.connectors.sources.decoding import copy_rows
from dagster_pipeline.connectors.sources.decoding.copy_rows import CopyRows
from dagster_pipeline.connectors.sources.select_list import SelectList

HEAD = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)
DAY_2000, MOMENT_2000 = date(2000, 1, 1), datetime(2000, 1, 1)
EPOCH = datetime(1970, 1, 1)
DAYS = (-25_567, 120_529)
MICROSECONDS = (DAYS[0] * 86_400_000_000, (DAYS[1] + 1) * 86_400_000_000 - 1)
EXACT = Context(prec=200)

Kind = tuple[tuple[int, int, int], pa.DataType]
KINDS: dict[str, Kind] = {
    "bool": ((copy_rows.NUMBER, 1, 0), pa.uint8()),
    "short": ((copy_rows.NUMBER, 2, 0), pa.int16()),
    "int": ((copy_rows.NUMBER, 4, 0), pa.int32()),
    "big": ((copy_rows.NUMBER, 8, 0), pa.int64()),
    "double": ((copy_rows.NUMBER, 8, 0), pa.float64()),
    "text": ((copy_rows.TEXT, 0, 0), pa.binary()),
    "jsonb": ((copy_rows.JSONB, 0, 0), pa.binary()),
    "uuid": ((copy_rows.UUID, 0, 0), pa.binary(16)),
    "date": ((copy_rows.DATE, *DAYS), pa.date32()),
    "moment": ((copy_rows.MOMENT, *MICROSECONDS), pa.timestamp("us")),
    "decimal": ((copy_rows.DECIMAL, 18, 4), pa.decimal128(18, 4)),
    "wide": ((copy_rows.DECIMAL, 76, 38), pa.decimal256(76, 38)),
}
ROW = tuple(KINDS)


def numeric(value: Decimal) -> bytes:
    """Groups of four digits, those before the point first."""
    if value.is_nan():
        return struct.pack(">hhHh", 0, 0, 0xC000, 0)
    if value.is_infinite():
        return struct.pack(">hhHh", 0, 0, 0xD000 if value > 0 else 0xF000, 0)
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)) + "0" * max(exponent, 0)
    fraction = max(-exponent, 0)
    text = text.rjust(fraction + 1, "0")
    whole, rest = text[: len(text) - fraction], text[len(text) - fraction :]
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    rest = rest.ljust(-(-len(rest) // 4) * 4, "0")
    groups = [int((whole + rest)[at : at + 4]) for at in range(0, len(whole + rest), 4)]
    weight = len(whole) // 4 - 1
    while groups and not groups[0]:
        groups, weight = groups[1:], weight - 1
    while groups and not groups[-1]:
        groups = groups[:-1]
    head = struct.pack(">hhHh", len(groups), weight if groups else 0, 0x4000 * sign, fraction)
    return head + b"".join(struct.pack(">h", group) for group in groups)


ENCODED: dict[str, Any] = {
    "bool": lambda value: struct.pack(">B", value),
    "short": lambda value: struct.pack(">h", value),
    "int": lambda value: struct.pack(">i", value),
    "big": lambda value: struct.pack(">q", value),
    "double": lambda value: struct.pack(">d", value),
    "text": lambda value: value,
    "jsonb": lambda value: b"\x01" + value,
    "uuid": lambda value: value.bytes,
    "date": lambda value: struct.pack(">i", (value - DAY_2000).days),
    "moment": lambda value: struct.pack(">q", (value - MOMENT_2000) // timedelta(microseconds=1)),
    "decimal": numeric,
    "wide": numeric,
}


def message(fields: Sequence[bytes | None]) -> bytes:
    listed = (b"\xff\xff\xff\xff" if each is None else struct.pack(">i", len(each)) + each for each in fields)
    return struct.pack(">h", len(fields)) + b"".join(listed)


def row(kinds: Sequence[str], values: Sequence[Any]) -> bytes:
    return message(
        [None if value is None else ENCODED[kind](value) for kind, value in zip(kinds, values, strict=True)]
    )


def decoder(kinds: Sequence[str], *, rows: int = 7, size: int = 1 << 20) -> CopyRows:
    return CopyRows([KINDS[kind][0] for kind in kinds], rows, size)


def decoded(kinds: Sequence[str], messages: Iterable[bytes], *, rows: int = 7) -> list[tuple[int, Any]]:
    """Rows and buffers of each batch."""
    reader, batches = decoder(kinds, rows=rows), []
    for each in messages:
        if not reader.decode(each):
            return [*batches, (reader.rows, reader.take())]
        if reader.rows == rows:
            batches.append((reader.rows, reader.take()))
    raise AssertionError("no trailer")


def table(kinds: Sequence[str], batches: list[tuple[int, Any]]) -> list[tuple[Any, ...]]:
    """What a reader of the Arrow stream sees."""
    names = tuple(f"{kind}{at}" for at, kind in enumerate(kinds))
    select = SelectList("", names, guarded={}, flag_names=(), flagged=(), marked_by_null=())
    arrow = ArrowRows(select, [KINDS[kind][1] for kind in kinds], table="t")
    payload = arrow.head.payload + b"".join(
        arrow.batch(rows, taken).payload for rows, taken in batches if rows
    )
    columns = pa.ipc.open_stream(payload + arrow.end.payload).read_all().columns
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def one(kind: str, field: bytes) -> tuple[Any, bool]:
    """A single value, and whether it was lost."""
    reader = decoder([kind])
    assert reader.decode(HEAD + message([field]))
    ((buffers, nulls, lost),) = reader.take()
    array = pa.Array.from_buffers(KINDS[kind][1], 1, [each and pa.py_buffer(each) for each in buffers], nulls)
    return array[0].as_py(), lost is not None


def seen(kind: str, value: Any) -> Any:
    """As Arrow has it."""
    if kind == "uuid" and value is not None:
        return value.bytes[7::-1] + value.bytes[:7:-1]
    return value


VALUES: dict[str, Any] = {
    "bool": st.integers(0, 1),
    "short": st.integers(-(2**15), 2**15 - 1),
    "int": st.integers(-(2**31), 2**31 - 1),
    "big": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False),
    "text": st.binary(max_size=300),
    "jsonb": st.binary(max_size=30),
    "uuid": st.uuids(),
    "date": st.dates(date(1900, 1, 1), date(2299, 12, 31)),
    "moment": st.datetimes(datetime(1900, 1, 1), datetime(2299, 12, 31, 23, 59, 59, 999_999)),
    "decimal": st.integers(-(10**18) + 1, 10**18 - 1).map(lambda units: Decimal(units).scaleb(-4, EXACT)),
    "wide": st.integers(-(10**76) + 1, 10**76 - 1).map(lambda units: Decimal(units).scaleb(-38, EXACT)),
}
KINDS_AND_ROWS = st.lists(st.sampled_from(ROW), min_size=1, max_size=12).flatmap(
    lambda kinds: st.tuples(
        st.just(tuple(kinds)), st.lists(st.tuples(*(st.none() | VALUES[kind] for kind in kinds)), max_size=20)
    )
)


@settings(deadline=None)
@given(KINDS_AND_ROWS)
def test_every_row_comes_out_as_it_went_in(drawn: tuple[tuple[str, ...], list[tuple[Any, ...]]]) -> None:
    kinds, rows = drawn
    first, *more = [*(row(kinds, values) for values in rows), TRAILER]
    found = table(kinds, decoded(kinds, [HEAD + first, *more]))
    assert found == [
        tuple(seen(kind, value) for kind, value in zip(kinds, values, strict=True)) for values in rows
    ]


def test_what_stands_for_infinity_or_beyond_the_span_is_lost() -> None:
    for days in (2**31 - 1, -(2**31), -36_525, 109_573):
        assert one("date", struct.pack(">i", days)) == (None, True)
    assert one("date", struct.pack(">i", -36_524)) == (date(1900, 1, 1), False)
    assert one("date", struct.pack(">i", 109_572)) == (date(2299, 12, 31), False)
    last = (datetime(2299, 12, 31, 23, 59, 59, 999_999) - MOMENT_2000) // timedelta(microseconds=1)
    for moment in (2**63 - 1, -(2**63), 2**63 - 2, -(2**63) + 1, last + 1):
        assert one("moment", struct.pack(">q", moment)) == (None, True)
    assert one("moment", struct.pack(">q", last)) == (datetime(2299, 12, 31, 23, 59, 59, 999_999), False)


def test_an_own_null_is_not_lost() -> None:
    reader = decoder(["date", "date"])
    reader.decode(HEAD + message([None, struct.pack(">i", 2**31 - 1)]))
    assert [(nulls, lost) for _, nulls, lost in reader.take()] == [(1, None), (1, b"\x01")]


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from(["decimal", "wide"]),
    st.integers(-(10**80), 10**80),
    st.integers(-100, 20),
)
@example("decimal", 10**18 - 1, -4)
@example("decimal", 10**18, -4)
@example("decimal", 12_345, -5)
@example("decimal", 12_340, -5)
@example("decimal", 1, 131_071)
@example("decimal", 0, 0)
@example("decimal", 1, -16_383)
@example("wide", 10**76 - 1, -38)
@example("wide", -(10**76), -38)
def test_a_decimal_arrives_or_is_lost_as_arithmetic_has_it(kind: str, units: int, exponent: int) -> None:
    (_, precision, scale), _ = KINDS[kind]
    value = Decimal(units).scaleb(exponent, EXACT)
    scaled = value.scaleb(scale, EXACT)
    fits = scaled == int(scaled) and abs(int(scaled)) < 10**precision  # abs of a Decimal rounds
    assert one(kind, numeric(value)) == (value if fits else None, not fits)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_a_decimal_that_is_no_number_is_lost(text: str) -> None:
    assert one("decimal", numeric(Decimal(text))) == (None, True)


def test_a_batch_ends_when_its_texts_are_long_enough() -> None:
    reader = CopyRows([KINDS["text"][0]], 1000, 100)
    assert reader.decode(HEAD + row(["text"], [b"x" * 300]))
    assert (reader.rows, reader.take()[0][0][2]) == (1, b"x" * 300)


ROW_VALUES = (
    *(1, -2, 3, -4, 5.5, b"text", b"{}", uuid.UUID(int=7)),
    *(date(2024, 2, 29), datetime(2024, 1, 31), Decimal("1.5"), Decimal(-7)),
)
WHOLE = HEAD + row(ROW, ROW_VALUES)


def test_the_rows_of_the_other_tests_are_right() -> None:
    assert table(ROW, decoded(ROW, [WHOLE, TRAILER])) == [
        tuple(seen(kind, value) for kind, value in zip(ROW, ROW_VALUES, strict=True))
    ]


def test_a_message_that_is_cut_anywhere_is_refused() -> None:
    for size in range(len(WHOLE)):
        with pytest.raises(ValueError, match=r"binary COPY|empty message"):
            decoder(ROW).decode(WHOLE[:size])


@pytest.mark.parametrize(
    "broken",
    {
        "another signature": b"X" + WHOLE[1:],
        "a critical flag": WHOLE[:11] + b"\x00\x01\x00\x00" + WHOLE[15:],
        "another number of columns": HEAD + message([b""]),
        "bytes behind the row": WHOLE + b"\0",
        "a negative length": HEAD + struct.pack(">h", 12) + struct.pack(">i", -2) + WHOLE,
        "a length beyond the end": HEAD + struct.pack(">h", 12) + struct.pack(">i", 2**31 - 1) + WHOLE,
        "a trailer with more": HEAD + TRAILER + b"\0",
    }.items(),
    ids=lambda item: item[0],
)
def test_what_is_no_row_is_refused(broken: tuple[str, bytes]) -> None:
    with pytest.raises(ValueError, match="binary COPY"):
        decoder(ROW).decode(broken[1])


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("int", b"\0" * 3),
        ("big", b"\0" * 9),
        ("jsonb", b""),
        ("jsonb", b"\x02{}"),
        ("uuid", b"\0" * 15),
        ("decimal", b"\0" * 7),
        ("decimal", struct.pack(">hhHh", 2, 0, 0, 0) + b"\0\1"),
        ("decimal", struct.pack(">hhHhH", 1, 0, 0, 0, 10_000)),
        ("decimal", struct.pack(">hhHh", -1, 0, 0, 0)),
    ],
    ids=map(str, range(9)),
)
def test_a_value_of_another_form_is_refused(kind: str, field: bytes) -> None:
    with pytest.raises(ValueError, match="binary COPY"):
        one(kind, field)


@settings(deadline=None, max_examples=500)
@given(st.data())
def test_corrupted_bytes_are_rows_or_refused(data: st.DataObject) -> None:
    """Nothing is read or written beyond what was given, whatever the lengths say; valgrind has seen it, too."""
    broken = bytearray(WHOLE if data.draw(st.booleans()) else HEAD + data.draw(st.binary(max_size=200)))
    for _ in range(data.draw(st.integers(0, 6))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    reader = decoder(ROW)
    try:
        reader.decode(bytes(broken))
    except ValueError:
        return
    reader.take()
