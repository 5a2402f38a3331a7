"""A local copy of an object as record batches of the declared columns, whatever its format.

Memory is a few batches: Parquet is read in pieces of a row group, text in blocks of a few megabytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from dagster_pipeline.connectors.sources.arrow_columns import ArrowColumn, conformed, refuse_other_kinds
from dagster_pipeline.connectors.sources.base_delivery_source import Findings
from dagster_pipeline.errors import ConfigurationError, DataQualityError
from dagster_pipeline.schema.s3_models import CsvSettings, S3Source

BATCH_ROWS = 65_536
BLOCK_BYTES = 4 << 20
BUFFER_BYTES = 1 << 20
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_TODO = "Put the object right, or exclude it by prefix and pattern; nothing of it was loaded."

Reader = Callable[..., Generator[pa.RecordBatch, None, None]]


def read_object(
    path: Path, key: str, source: S3Source, columns: tuple[ArrowColumn, ...], findings: Findings
) -> Generator[pa.RecordBatch, None, None]:
    """The object's rows. Raises `ConfigurationError` for other columns, `DataQualityError` for what cannot be read."""
    where = f"s3 object {key}"
    readers: dict[str, Reader] = {"parquet": _parquet, "csv": _csv, "jsonl": _jsonl}
    with _unreadable(where, source.format):
        for batch in readers[source.format](path, key, source, columns, findings):
            yield conformed(batch, columns, where=where)


def compression_of(key: str, source: S3Source) -> str | None:
    """How text is compressed; `None` for not at all."""
    if source.compression == "auto":
        return next((name for end, name in _COMPRESSIONS.items() if key.endswith(end)), None)
    return None if source.compression == "none" else source.compression


@contextmanager
def _unreadable(where: str, kind: str) -> Generator[None, None, None]:
    try:
        yield
    except (pa.ArrowException, OSError, EOFError) as error:
        # pyarrow's sentence quotes values, so only its harmless parts are passed on.
        raise DataQualityError(
            f"{where}: cannot be read as {kind} ({_harmless(str(error))}).", todo=_TODO
        ) from None


_HARMLESS = {
    r"In CSV column #(\d+): Row #(\d+): CSV conversion error to ([\w<>\[\], =:]+):": (
        "row {1}, field {0} counted from 0: not {2}"
    ),
    r"Failed to convert JSON to ([\w\[\], ()]+)": "a value is not {0}",
    r"Column\((/[\w/]{1,80})\) changed from (\w+) to (\w+) in row (\d+)": "{0} is {2} instead of {1}",
    r"JSON parse error: ([\w ',}}]+)\. in row (\d+)": "{0}, row {1} of a block",
    r"(Parquet magic bytes not found|Couldn't deserialize thrift|Unexpected end of stream)": (
        "damaged or cut off: {0}"
    ),
    r"([Tt]runcated|[Ff]ooter|EOF)": "damaged or cut off: {0}",
    r"(zlib|ZSTD|gzip|zstd)": "damaged {0} data",
    r"(Empty CSV file|Empty JSON stream)": "it is empty",
    r"(straddling object|invalid UTF8)": "{0}",
}
"""Of pyarrow's sentences, what holds no value of the object."""


def _harmless(text: str) -> str:
    for pattern, said in _HARMLESS.items():
        if found := re.search(pattern, text):
            return said.format(*found.groups())
    return "it is damaged, or something else"


def _parquet(
    path: Path, key: str, _source: S3Source, columns: tuple[ArrowColumn, ...], findings: Findings
) -> Generator[pa.RecordBatch, None, None]:
    # A memory map would count the whole object as ours, and reading ahead holds a row group; neither is faster.
    with pq.ParquetFile(path, memory_map=False, pre_buffer=False, buffer_size=BUFFER_BYTES) as file:
        refuse_other_kinds(file.schema_arrow, columns, where=f"s3 object {key}")
        wanted = [column.arrives_as for column in columns]
        _note_others(file.schema_arrow.names, wanted, findings)
        yield from file.iter_batches(BATCH_ROWS, columns=list(dict.fromkeys(wanted)))


def _csv(
    path: Path, key: str, source: S3Source, columns: tuple[ArrowColumn, ...], findings: Findings
) -> Generator[pa.RecordBatch, None, None]:
    wanted = [column.arrives_as for column in columns]

    refused: list[Any] = []

    def reject(row: Any) -> str:
        if findings.rejected < source.max_rejects:
            findings.rejected += 1
            return "skip"
        refused.append(row)
        return "error"

    with (
        _refusal(refused, key, source),
        pa.input_stream(str(path), compression=compression_of(key, source)) as file,
    ):
        try:
            reader = pa_csv.open_csv(
                file,
                read_options=pa_csv.ReadOptions(
                    use_threads=False,  # else an error does not say in which row
                    block_size=BLOCK_BYTES,
                    column_names=None if source.csv.header else wanted,
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=source.csv.delimiter,
                    quote_char=source.csv.quote,
                    newlines_in_values=True,
                    invalid_row_handler=reject,
                ),
                convert_options=_csv_conversion(source.csv, columns),
            )
        except pa.ArrowKeyError as error:
            missing = re.search(r"Column '(.*)' in include_columns", str(error))
            raise ConfigurationError(
                f"s3 object {key}: it has no column {missing[1] if missing else '?'!r}.",
                todo="Correct columns in the YAML file, or exclude the object by prefix and pattern.",
            ) from None
        yield from (_with_empty_texts(batch, source.csv, columns) for batch in reader)


@contextmanager
def _refusal(refused: list[Any], key: str, source: S3Source) -> Generator[None, None, None]:
    """A line that is one too many, in our words: the reader's own error quotes it."""
    try:
        yield
    except pa.ArrowInvalid:
        if not refused:
            raise
        row = refused[0]
        line = f" {row.number}" if row.number else ""
        raise DataQualityError(
            f"s3 object {key}: line{line} has {row.actual_columns} fields instead of {row.expected_columns}"
            + (f", after {source.max_rejects:,} such lines were left out." if source.max_rejects else "."),
            todo=f"{_TODO} source.max_rejects says how many such lines may be left out.",
        ) from None


def _csv_conversion(settings: CsvSettings, columns: tuple[ArrowColumn, ...]) -> pa_csv.ConvertOptions:
    return pa_csv.ConvertOptions(
        column_types={column.arrives_as: _text_type(column) for column in columns},
        include_columns=list(dict.fromkeys(column.arrives_as for column in columns)),
        null_values=list(settings.nulls),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )


def _with_empty_texts(
    batch: pa.RecordBatch, settings: CsvSettings, columns: tuple[ArrowColumn, ...]
) -> pa.RecordBatch:
    """In a text column without NULL an empty field is a text, unless another text means no value."""
    if settings.nulls != ("",):
        return batch
    for column in columns:
        if pa.types.is_string(column.type) and not column.nullable:
            position = batch.schema.get_field_index(column.arrives_as)
            filled = batch.column(position).fill_null("")
            batch = batch.set_column(position, column.arrives_as, filled)
    return batch


def _jsonl(
    path: Path, key: str, source: S3Source, columns: tuple[ArrowColumn, ...], _findings: Findings
) -> Generator[pa.RecordBatch, None, None]:
    schema = pa.schema({column.arrives_as: _text_type(column) for column in columns})
    with pa.input_stream(str(path), compression=compression_of(key, source)) as file:
        reader: Iterator[pa.RecordBatch] = pa_json.open_json(
            file,
            read_options=pa_json.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            parse_options=pa_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
        yield from reader


def _text_type(column: ArrowColumn) -> pa.DataType:
    """Text has no dates and times of its own: they are read as text, and taken apart with or without an offset."""
    return pa.string() if column.is_temporal else column.type


def _note_others(found: list[str], wanted: list[str], findings: Findings) -> None:
    others = [name for name in found if name not in wanted]
    if others:
        findings.notes.append(
            f"columns that the YAML file does not name are left out: {', '.join(others[:20])}"
        )
