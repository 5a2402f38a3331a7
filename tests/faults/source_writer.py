"""Applications that keep writing while the pipeline reads: they insert, change, commit late and roll back, by seed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

import psycopg2
import pymysql

from tests.faults.source_table import SourceTable

PAUSE_SECONDS = 0.02
LONGEST_HOLD_SECONDS = 1.5
RECONNECT_SECONDS = 0.2

_INSERT = {
    "postgres": "INSERT INTO orders (n, note, at) SELECT {n}, E'\\t new \\\\ ' || i, now() FROM generate_series(1, {rows}) i",
    "mysql": "INSERT INTO orders (n, note, at) SELECT {n}, CONCAT('\\t new \\\\ ', seq), NOW(6) FROM seq_1_to_{rows}",
}
_UPDATE = {
    "postgres": "UPDATE orders SET n = n + 1, note = 'changed ' || n, at = now() WHERE id BETWEEN {key} AND {key} + {rows}",
    "mysql": "UPDATE orders SET n = n + 1, note = CONCAT('changed ', n), at = NOW(6)"
    " WHERE id BETWEEN {key} AND {key} + {rows}",
}


class SourceWriter:
    """Several applications, each a thread with a connection of its own that comes back when the server does.

    Attributes:
        done: how many transactions of each kind were tried to their end.
        errors: what drivers said that is neither a lost server nor a deadlock.
    """

    def __init__(self, table: SourceTable, *, seed: int, applications: int = 3, keys: int = 1_000) -> None:
        self.done: Counter[str] = Counter()
        self.errors: list[str] = []
        self._table = table
        self._keys = keys
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(seed * 100 + number),), daemon=True)
            for number in range(applications)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let every application finish its transaction, and end."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, rng: random.Random) -> None:
        connection: Any = None
        while not self._stop.is_set():
            try:
                connection = connection or self._table.server.connect()
                self._act(connection, rng)
            except (psycopg2.Error, pymysql.MySQLError, OSError) as error:
                self._judge(error)
                with suppress(Exception):
                    connection.close()
                connection = None
                self._stop.wait(RECONNECT_SECONDS)
            self._stop.wait(rng.expovariate(1 / PAUSE_SECONDS))
        if connection is not None:
            with suppress(psycopg2.Error, pymysql.MySQLError, OSError):
                connection.close()

    def _act(self, connection: Any, rng: random.Random) -> None:
        """One transaction: of one or several statements, committed at once, late, or not at all."""
        ending = rng.choices(("commit", "late", "rollback"), weights=(8, 2, 1))[0]
        with connection.cursor() as cursor:
            for _ in range(rng.randint(1, 3)):
                cursor.execute(self._statement(rng))
        if ending == "late":
            self._stop.wait(rng.uniform(0.1, LONGEST_HOLD_SECONDS))
        end: Callable[[], None] = connection.rollback if ending == "rollback" else connection.commit
        end()
        self.done[ending] += 1

    def _statement(self, rng: random.Random) -> str:
        dialect, shape = self._table.server.dialect, self._table.shape
        if shape.only_grows or rng.random() < 0.5:
            return _INSERT[dialect].format(n=rng.randint(0, 9), rows=rng.randint(1, 40))
        return _UPDATE[dialect].format(key=rng.randint(1, self._keys), rows=rng.randint(0, 20))

    def _judge(self, error: Exception) -> None:
        code = getattr(error, "pgcode", None) or (error.args[0] if error.args else "")
        passing = {"40P01", "57P01", "57P02", "57P03", "40001", 1213, 1205, 2003, 2006, 2013, 1053, 1927, 0}
        lost = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError | OSError)
        if code not in passing and not lost:
            self.errors.append(f"{type(error).__name__} {error}")


def wait_for_writing(writer: SourceWriter, *, transactions: int, seconds: float = 30.0) -> None:
    """Return when the applications have ended so many transactions."""
    deadline = time.monotonic() + seconds
    while sum(writer.done.values()) < transactions:
        if time.monotonic() > deadline:
            raise AssertionError(f"The writer did {dict(writer.done)} in {seconds} s: {writer.errors}")
        time.sleep(0.02)
