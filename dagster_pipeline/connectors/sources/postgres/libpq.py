"""Functions of the libpq that psycopg2 itself calls: psycopg2 has no way to take a COPY's rows without an object for each."""

from __future__ import annotations

import ctypes
from functools import cache

import psycopg2
import psycopg2._psycopg

from dagster_pipeline.connectors.sources.decoding.copy_rows import FUNCTIONS, CopyOut
from dagster_pipeline.connectors.sources.postgres.connection import Connection


def copy_out(connection: Connection) -> CopyOut:
    """A COPY on the connection, which must stay open as long as it is used."""
    if connection.pgconn_ptr is None:
        raise psycopg2.InterfaceError("connection already closed")
    return CopyOut(connection.pgconn_ptr, _addresses())


@cache
def _addresses() -> tuple[int, ...]:
    """A library's symbols are looked up in those that it depends on, too (`man 3 dlsym`), so no second libpq is found."""
    driver = ctypes.CDLL(psycopg2._psycopg.__file__)
    return tuple(ctypes.cast(getattr(driver, name), ctypes.c_void_p).value or 0 for name in FUNCTIONS)
