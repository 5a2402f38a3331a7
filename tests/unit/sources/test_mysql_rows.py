"""The decoder of MySQL's binary rows, against rows that are encoded here by the protocol's words."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_pipeline.connectors.sources.arrow_rows import ArrowRows
from dagster_pipeline.connectors.sources.decoding import mysql_rows
from dagster_pipeline.connectors.sources.decoding.mysql_rows import MySQLRows
from dagster_pipeline.connectors.sources.select_list import plain_list

LARGEST = 0xFFFFFF
ANY = (-(2**62) + 1, 2**62)
EPOCH = datetime(1970, 1, 1)

KINDS: dict[str, tuple[int, int, pa.DataType]] = {
    "tiny": (mysql_rows.NUMBER, 1, pa.int8()),
    "big": (mysql_rows.NUMBER, 8, pa.uint64()),
    "double": (mysql_rows.NUMBER, 8, pa.float64()),
    "text": (mysql_rows.TEXT, 0, pa.binary()),
    "date": (mysql_rows.DATE, 4, pa.date32()),
    "datetime": (mysql_rows.DATETIME, 8, pa.timestamp("us")),
}
ROW = tuple(KINDS)
END = b"\xfe\x00\x00\x02\x00"


def text(value: bytes) -> bytes:
    size = len(value)
    if size < 251:
        return bytes([size]) + value
    if size < 1 << 16:
        return b"\xfc" + struct.pack("<H", size) + value
    if size < 1 << 24:
        return b"\xfd" + struct.pack("<I", size)[:3] + value
    return b"\xfe" + struct.pack("<Q", size) + value


def moment(value: datetime) -> bytes:
    day = struct.pack("<HBB", value.year, value.month, value.day)
    if value.microsecond:
        clock = struct.pack("<BBBI", value.hour, value.minute, value.second, value.microsecond)
    elif value.hour or value.minute or value.second:
        clock = struct.pack("<BBB", value.hour, value.minute, value.second)
    else:
        clock = b""
    return bytes([len(day) + len(clock)]) + day + clock


ENCODED: dict[str, Any] = {
    "tiny": lambda value: struct.pack("<b", value),
    "big": lambda value: struct.pack("<Q", value),
    "double": lambda value: struct.pack("<d", value),
    "text": text,
    "date": lambda value: b"\x04" + struct.pack("<HBB", value.year, value.month, value.day),
    "datetime": moment,
}


def packets(payload: bytes) -> bytes:
    pieces = [payload[at : at + LARGEST] for at in range(0, len(payload) + 1, LARGEST)]
    return b"".join(struct.pack("<I", len(piece))[:3] + b"\x07" + piece for piece in pieces)


def row(kinds: Sequence[str], values: Sequence[Any]) -> bytes:
    nulls = sum(1 << (at + 2) for at, value in enumerate(values) if value is None)
    bitmap = nulls.to_bytes((len(values) + 9) // 8, "little")
    fields = [ENCODED[kind](value) for kind, value in zip(kinds, values, strict=True) if value is not None]
    return packets(b"\x00" + bitmap + b"".join(fields))


def decoder(
    kinds: Sequence[str], *, spans: Sequence[tuple[int, int]] = (), rows: int = 7, size: int = 1 << 20
) -> MySQLRows:
    forms, widths, _ = zip(*(KINDS[kind] for kind in kinds), strict=True)
    return MySQLRows(forms, widths, spans or [ANY] * len(kinds), rows, size)


def decoded(rows: MySQLRows, pieces: Iterator[bytes]) -> Iterator[tuple[int, list[Any]]]:
    """Rows and buffers of each batch."""
    while (state := rows.decode()) != mysql_rows.END:
        if state == mysql_rows.BATCH:
            yield rows.rows, rows.take()
            continue
        assert state == mysql_rows.MORE
        piece = next(pieces)
        room = rows.room()
        room[: len(piece)] = piece
        rows.received(len(piece))
    yield rows.rows, rows.take()


def table(kinds: Sequence[str], batches: Iterator[tuple[int, list[Any]]]) -> list[tuple[Any, ...]]:
    """What a reader of the Arrow stream sees."""
    names = tuple(f"{kind}{at}" for at, kind in enumerate(kinds))
    arrow = ArrowRows(plain_list("", names), [KINDS[kind][2] for kind in kinds], table="t")
    payload = arrow.head.payload
    payload += b"".join(arrow.batch(rows, taken).payload for rows, taken in batches if rows)
    columns = pa.ipc.open_stream(payload + arrow.end.payload).read_all().columns
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def cut(stream: bytes, size: int) -> Iterator[bytes]:
    return (stream[at : at + size] for at in range(0, len(stream), size))


VALUES: dict[str, Any] = {
    "tiny": st.integers(-128, 127),
    "big": st.integers(0, 2**64 - 1),
    "double": st.floats(allow_nan=False),
    "text": st.one_of(st.binary(max_size=300), st.integers(65_000, 66_000).map(lambda size: b"x" * size)),
    "date": st.dates(),
    "datetime": st.datetimes(),
}


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(*(st.none() | VALUES[kind] for kind in ROW)), max_size=20),
    piece=st.integers(1, 5_000),
)
def test_rows_arrive_as_they_were_sent_however_the_bytes_are_cut(
    rows: list[tuple[Any, ...]], piece: int
) -> None:
    stream = b"".join(row(ROW, values) for values in rows) + packets(END)
    assert table(ROW, decoded(decoder(ROW), cut(stream, piece))) == rows


def test_every_day_of_the_calendar_has_its_number() -> None:
    days = [date(1, 1, 1) + timedelta(days=number) for number in range(0, 3_652_058, 11)]
    days += [
        date(year, month, 1) - timedelta(days=1) for year in (1900, 2000, 2100) for month in range(1, 13)
    ]
    stream = b"".join(row(["date"], [day]) for day in days) + packets(END)
    found = table(["date"], decoded(decoder(["date"], rows=1 << 19), cut(stream, 60_000)))
    assert [day for (day,) in found] == days


NO_DAYS = {
    "zero": b"\x00",
    "zero written out": b"\x04\x00\x00\x00\x00",
    "no month": b"\x04" + struct.pack("<HBB", 2024, 0, 1),
    "no day": b"\x04" + struct.pack("<HBB", 2024, 10, 0),
    "month 13": b"\x04" + struct.pack("<HBB", 2024, 13, 1),
    "February 31": b"\x04" + struct.pack("<HBB", 2024, 2, 31),
    "February 29 of no leap year": b"\x04" + struct.pack("<HBB", 1900, 2, 29),
    "before the span": b"\x04" + struct.pack("<HBB", 1969, 12, 31),
    "after the span": b"\x04" + struct.pack("<HBB", 1970, 1, 12),
}


@pytest.mark.parametrize("sent", NO_DAYS.values(), ids=NO_DAYS)
def test_what_is_no_day_of_the_span_is_lost_and_its_neighbours_are_not(sent: bytes) -> None:
    good = [b"\x04" + struct.pack("<HBB", 1970, 1, day) for day in (1, 11)]
    own_null = packets(b"\x00\x04")
    rows = [packets(b"\x00\x00" + field) for field in (good[0], sent, good[1])]
    stream = b"".join([*rows, own_null, packets(END)])
    ((count, ((buffers, nulls, lost),)),) = decoded(decoder(["date"], spans=[(0, 10)]), iter([stream]))
    assert (count, nulls) == (4, 2)
    assert lost is not None
    assert lost[0] == 0b0010
    days = pa.Array.from_buffers(pa.date32(), count, [each and pa.py_buffer(each) for each in buffers], nulls)
    assert days.to_pylist() == [date(1970, 1, 1), None, date(1970, 1, 11), None]


def test_a_value_of_many_packets_arrives_whole() -> None:
    values = [(b"a" * size, at) for at, size in enumerate((LARGEST - 10, LARGEST, 2 * LARGEST + 5, 3))]
    stream = b"".join(row(["text", "tiny"], each) for each in values) + packets(END)
    assert table(["text", "tiny"], decoded(decoder(["text", "tiny"]), cut(stream, 60_000))) == values


def test_a_batch_ends_with_the_row_that_fills_it() -> None:
    stream = b"".join(row(["text"], [b"x" * 400]) for _ in range(10)) + packets(END)
    by_size = [count for count, _ in decoded(decoder(["text"], rows=1000, size=1000), cut(stream, 64))]
    by_rows = [count for count, _ in decoded(decoder(["text"], rows=4), cut(stream, 64))]
    assert (by_size, by_rows) == ([3, 3, 3, 1], [4, 4, 2])


def test_a_servers_error_comes_out_as_it_was_sent() -> None:
    error = b"\xff\x25\x05#70100Query execution was interrupted"
    rows = decoder(["tiny"])
    stream = row(["tiny"], [1]) + packets(error)
    rows.room()[: len(stream)] = stream
    rows.received(len(stream))
    assert rows.decode() == mysql_rows.ERROR
    assert (rows.failure, rows.rows) == (error, 1)


BROKEN = {
    "a text that is longer than its packet": b"\x00\x00\xfc\xff\xff12",
    "a text without its length": b"\x00\x00\xfe\x01",
    "bytes behind the last column": b"\x00\x00\x011" + b"2",
    "a packet that ends in the middle": b"\x00",
    "an empty packet": b"",
}


@pytest.mark.parametrize("payload", BROKEN.values(), ids=BROKEN)
def test_bytes_that_are_no_row_are_refused(payload: bytes) -> None:
    rows = decoder(["text"])
    stream = struct.pack("<I", len(payload))[:3] + b"\x00" + payload
    rows.room()[: len(stream)] = stream
    rows.received(len(stream))
    with pytest.raises(ValueError, match=r"protocol|empty packet"):
        rows.decode()


@settings(max_examples=300, deadline=None)
@given(
    payload=st.binary(max_size=60),
    flips=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4),
)
def test_no_bytes_break_more_than_the_statement(payload: bytes, flips: list[tuple[int, int]]) -> None:
    sent = [
        row(ROW, [1, 2, 0.5, b"text", date(2024, 1, 1), datetime(2024, 1, 1, 1, 1, 1, 1)]),
        packets(payload),
    ]
    stream = bytearray(b"".join(sent))
    for at, value in flips:
        stream[at % len(stream)] = value
    rows = decoder(ROW)
    rows.room()[: len(stream)] = stream
    rows.received(len(stream))
    try:
        state = rows.decode()
    except ValueError:
        return
    assert state in (mysql_rows.MORE, mysql_rows.END, mysql_rows.ERROR)
    assert rows.rows <= len(stream)
    rows.take()
