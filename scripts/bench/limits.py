"""What the two servers can do without us: the source read by its own client, the warehouse filled from Native files."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from clickhouse_connect.driver.client import Client

from scripts.bench.servers import Front, Source
from scripts.bench.tables import BenchTable
from scripts.servers.process import ServerError, find_program

PIECE = 1 << 20
INSERT_ROWS = 500_000
INSERT_BYTES = 256 << 20
"""What one insert holds at most. One of 2M rows becomes blocks of a million, and cost twice the CPU of four (measured)."""


def read_alone(source: Source, table: BenchTable) -> tuple[float, int]:
    """Seconds and bytes of the source's own client writing the whole table to a pipe."""
    parts = urlsplit(source.url)
    address = ["-h", str(parts.hostname), "-U" if source.dialect == "postgres" else "-u", str(parts.username)]
    password = unquote(parts.password or "")
    database = parts.path.lstrip("/")
    if source.dialect == "postgres":
        program = find_program("psql", *Path("/usr/lib/postgresql").glob("*/bin"))
        words = ["-p", str(parts.port), "-d", database, "-qc", f"COPY {table.name} TO STDOUT"]
        variables = {"PGPASSWORD": password}
    else:
        program = find_program("mariadb") or find_program("mysql")
        words = ["-P", str(parts.port), "-D", database, "--quick", "-N", "-B"]
        words += ["-e", f"SELECT * FROM {table.name}"]
        variables = {"MYSQL_PWD": password}
    if program is None:
        raise ServerError(f"The client program of {source.dialect} is not on this machine.")
    began = time.monotonic()
    size = 0
    with subprocess.Popen(
        [str(program), *address, *words], stdout=subprocess.PIPE, env={**os.environ, **variables}
    ) as process:
        if process.stdout is None:
            raise AssertionError("a pipe was asked for")
        while piece := os.read(process.stdout.fileno(), PIECE):
            size += len(piece)
    if process.returncode:
        raise ServerError(f"{program.name} failed with code {process.returncode}.")
    return time.monotonic() - began, size


def native_files(front: Front, loaded: str, table: BenchTable, directory: Path) -> list[Path]:
    """A loaded table as Native files of one insert each; made once, without our own columns."""
    folder = directory / f"{loaded}.{table.rows}.inserts"
    if not folder.exists():
        draft = folder.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        client = front.client()
        at_once = rows_per_insert(client, loaded)
        for number, after in enumerate(range(0, table.rows, at_once)):
            rows = f"id > {after} AND id <= {after + at_once}"
            with (
                (draft / f"{number:04}.native").open("wb") as output,
                client.raw_stream(f"SELECT * FROM {loaded} FINAL WHERE {rows}", fmt="Native") as stream,
            ):
                while piece := stream.read(PIECE):
                    output.write(piece)
        client.close()
        draft.rename(folder)
    return sorted(folder.iterdir())


def rows_per_insert(client: Client, loaded: str) -> int:
    """As many as a loader would send at once: 500,000, or fewer where they are wide."""
    database, _, name = loaded.partition(".")
    ((size,),) = client.query(
        "SELECT toUInt64(sum(data_uncompressed_bytes) / sum(rows)) FROM system.parts"
        " WHERE active AND database = {database:String} AND table = {name:String}",
        parameters={"database": database, "name": name},
    ).result_rows
    return max(1, min(INSERT_ROWS, INSERT_BYTES // max(1, int(size))))


def write_alone(front: Front, loaded: str, files: Sequence[Path], rows: int) -> float:
    """Seconds of inserting Native files, one after the other, into an empty table like the loaded one."""
    client = front.client()
    client.command("DROP TABLE IF EXISTS default.write_alone SYNC")
    client.command(f"CREATE TABLE default.write_alone AS {loaded}")
    began = time.monotonic()
    for file in files:
        with file.open("rb") as opened:
            client.raw_insert("default.write_alone", insert_block=_pieces(opened), fmt="Native")
    seconds = time.monotonic() - began
    ((written,),) = client.query("SELECT count() FROM default.write_alone").result_rows
    if written != rows:
        raise ServerError(f"{written:,} of {rows:,} rows were inserted.")
    client.command("DROP TABLE default.write_alone SYNC")
    client.close()
    return seconds


def _pieces(rows: BinaryIO) -> Generator[bytes, None, None]:
    while piece := rows.read(PIECE):
        yield piece
