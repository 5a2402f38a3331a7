"""The child that reads MySQL: ConnectorX into Arrow, Arrow into frames on standard output.

A process of its own because ConnectorX holds the interpreter's lock while it waits for the server, and panics on values
that it does not know. It imports nothing of this package's, so that it starts in a fifth of a second. Requests come as
one JSON line each on standard input (the address with its password never stands in argv or the environment); it ends
with its input, and with its parent.

A frame is a kind (one byte), a row count and two lengths (unsigned, 4 bytes each, big-endian), a JSON text, a payload:
`B` a batch, its JSON the changed rows by name of the guarded column, and under `SET_ASIDE` how many rows were left out;
`D` the end; `E` an error, its JSON the words.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import signal
import struct
import sys
from itertools import chain
from typing import Any, BinaryIO

HEADER = struct.Struct(">cIII")
PR_SET_PDEATHSIG = 1
SET_ASIDE = ""
"""No column's name."""
END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""Arrow's own mark (arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format)."""


UNWANTED = ("numpy", "pandas")
"""What pyarrow would load where it is installed, at the first scalar at the latest: 50 MB and 0.4 CPU seconds for nothing."""


def main() -> None:
    """Serve requests until the input ends."""
    for name in UNWANTED:
        sys.modules[name] = None  # type: ignore[assignment]  # its import fails then, and pyarrow does without
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        return
    out = sys.stdout.buffer
    for line in sys.stdin.buffer:
        try:
            serve(json.loads(line), out)
        except BrokenPipeError:
            return
        except (KeyboardInterrupt, SystemExit):
            return
        except BaseException as error:  # noqa: BLE001 -- a panic is no Exception, and the parent must hear of it
            send(out, b"E", 0, {"words": f"{type(error).__name__}: {error}"[:2000]}, b"")


def serve(request: dict[str, Any], out: BinaryIO) -> None:
    """Read the queries, one after the other, and send their rows as one Arrow stream."""
    import pyarrow as pa  # noqa: PLC0415 -- here, so that an import error becomes a frame

    flagged: list[list[str]] = request["flagged"]
    names: list[str] = request["names"]  # the server takes leading blanks from an alias
    kept, flags_end = len(names), len(names) + len(flagged)
    first, *further = request["queries"]
    reader = read(request, first)
    schema = pa.schema([reader.schema.field(place).with_name(name) for place, name in enumerate(names)])
    send(out, b"B", 0, {}, schema.serialize())
    for batch in chain(reader, chain.from_iterable(read(request, query) for query in further)):
        batch = within_spans(batch, request["spans"])  # noqa: PLW2901 -- nobody needs the other one
        flags = batch.columns[kept:flags_end]
        lost = lost_values(batch, request["marked_by_null"], request["own_nulls"], batch.columns[flags_end:])
        coerced = count_flags(flags, flagged) | {
            names[place]: mask.true_count for place, mask in lost.items()
        }
        rows = pa.RecordBatch.from_arrays(batch.columns[:kept], schema=schema)
        if coerced:
            aside = [mask for place, mask in lost.items() if place in request["aside_by_null"]]
            rows = without_bad(rows, flags, request["aside_bits"], aside)
        if rows.num_rows < batch.num_rows:
            coerced[SET_ASIDE] = batch.num_rows - rows.num_rows
        send(out, b"B", rows.num_rows, coerced, rows.serialize())
    send(out, b"B", 0, {}, END_OF_STREAM)
    send(out, b"D", 0, {}, b"")


def read(request: dict[str, Any], query: str) -> Any:
    """A `pyarrow.RecordBatchReader` over one query."""
    import connectorx  # noqa: PLC0415 -- here, so that an import error becomes a frame

    return connectorx.read_sql(
        request["url"],
        query,
        return_type="arrow_stream",
        protocol="binary",
        batch_size=request["batch_rows"],
        pre_execution_query=request["session"],
    )


def count_flags(columns: list[Any], flagged: list[list[str]]) -> dict[str, int]:
    """Changed rows by column; `flagged` names, for each flag column, the columns of its bits."""
    import pyarrow.compute as pc  # noqa: PLC0415

    counts: dict[str, int] = {}
    for flags, names in zip(columns, flagged, strict=True):
        if (pc.max(flags).as_py() or 0) > 0:
            wide = pc.cast(flags, "int64")
            for bit, name in enumerate(names):
                rows = pc.sum(pc.bit_wise_and(pc.shift_right(wide, bit), 1)).as_py()
                if rows:
                    counts[name] = rows
    return counts


def within_spans(batch: Any, spans: list[tuple[int, str, str]]) -> Any:
    """The batch, with NULL in place of values beyond first and last; nearly always itself."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    for place, *span in spans:
        column = batch.columns[place]
        first, last = (pa.scalar(each).cast(column.type) for each in span)
        found = pc.min_max(column)
        if pc.less(found["min"], first).as_py() or pc.greater(found["max"], last).as_py():
            fits = pc.and_(pc.greater_equal(column, first), pc.less_equal(column, last))
            field = batch.schema.field(place)
            batch = batch.set_column(place, field, pc.if_else(fits, column, pa.scalar(None, column.type)))
    return batch


def lost_values(
    batch: Any, places: list[int], own_nulls: list[list[int]], flags: list[Any]
) -> dict[int, Any]:
    """By place, which rows have a NULL that is not their own; `flags` say in which rows it is, by a bit for each place."""
    import pyarrow.compute as pc  # noqa: PLC0415

    own = {place: (column, bit) for column, group in enumerate(own_nulls) for bit, place in enumerate(group)}
    lost: dict[int, Any] = {}
    for place in places:
        if not batch.columns[place].null_count:
            continue
        mask = batch.columns[place].is_null()
        if place in own:
            column, bit = own[place]
            is_own = pc.bit_wise_and(pc.cast(flags[column], "int64"), 1 << bit)
            mask = pc.and_(mask, pc.equal(is_own, 0))
        if mask.true_count:
            lost[place] = mask
    return lost


def without_bad(rows: Any, flags: list[Any], aside_bits: list[int], aside: list[Any]) -> Any:
    """The rows but for those that are set aside: by a bit of a flag column, or by one of the masks `aside`."""
    import pyarrow.compute as pc  # noqa: PLC0415

    good = [
        pc.equal(pc.bit_wise_and(pc.cast(each, "int64"), bits), 0)
        for each, bits in zip(flags, aside_bits, strict=True)
        if bits
    ]
    good += [pc.invert(mask) for mask in aside]
    return rows.filter(functools.reduce(pc.and_, good)) if good else rows


def send(out: BinaryIO, kind: bytes, rows: int, facts: dict[str, Any], payload: Any) -> None:
    """Write one frame; the payload is bytes, or an Arrow buffer that is not copied once more."""
    text = json.dumps(facts).encode()
    out.write(HEADER.pack(kind, rows, len(text), len(payload)) + text)
    out.write(payload)
    out.flush()


if __name__ == "__main__":
    main()
