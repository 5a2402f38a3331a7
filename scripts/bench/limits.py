"""What the two servers can do without us: the source read by its own client, the warehouse filled from a Native file."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from scripts.bench.servers import Front, Source
from scripts.bench.tables import BenchTable
from scripts.servers.process import ServerError, find_program

PIECE = 1 << 20


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


def native_file(front: Front, loaded: str, table: BenchTable, directory: Path) -> Path:
    """A loaded table as a Native file; made once, without our own columns."""
    file = directory / f"{loaded}.{table.rows}.native"
    if not file.exists():
        draft = file.with_suffix(".draft")
        client = front.client()
        with draft.open("wb") as output, client.raw_stream(f"SELECT * FROM {loaded}", fmt="Native") as stream:
            while piece := stream.read(PIECE):
                output.write(piece)
        client.close()
        draft.rename(file)
    return file


def write_alone(front: Front, loaded: str, file: Path) -> float:
    """Seconds of one insert of a Native file into an empty table like the loaded one."""
    client = front.client()
    client.command("DROP TABLE IF EXISTS default.write_alone SYNC")
    client.command(f"CREATE TABLE default.write_alone AS {loaded}")
    began = time.monotonic()
    with file.open("rb") as rows:
        client.raw_insert("default.write_alone", insert_block=_pieces(rows), fmt="Native")
    seconds = time.monotonic() - began
    client.command("DROP TABLE default.write_alone SYNC")
    client.close()
    return seconds


def _pieces(rows: BinaryIO) -> Generator[bytes, None, None]:
    while piece := rows.read(PIECE):
        yield piece
