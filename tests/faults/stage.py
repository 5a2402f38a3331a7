"""Where scenarios play: a source server and a warehouse behind lines that misbehave, a state store, and runs."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from scripts.servers.clickhouse_http import running_front
from scripts.servers.server import Server
from tests.contract.sources.both_sources import mariadb, postgres
from tests.faults.loader import Ended, Run
from tests.faults.source_table import Shape, SourceTable
from tests.faults.tcp_proxy import TcpProxy

NOBODY = 65534
STATE_TIMEOUT_SECONDS = 2


class Front:
    """The HTTP front over one embedded engine, behind a line; may be killed and started again at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._running = ExitStack()
        self._process = self._start()
        self.line = TcpProxy("127.0.0.1", self._port)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Start it again; the line leads there."""
        self._running.close()
        self._process = self._start()
        self.line.server = ("127.0.0.1", self._port)

    def close(self) -> None:
        """End it."""
        self.line.__exit__()
        self._running.close()

    @property
    def url(self) -> str:
        """Its address, by way of the line."""
        return f"http://default:@127.0.0.1:{self.line.port}/"

    def _start(self) -> Any:
        front = self._running.enter_context(running_front(self._path))
        self._port = urlsplit(front.url).port or 0
        return front.process


@dataclass
class Stage:
    """One scenario's things.

    Attributes:
        server: the source server itself, to be killed.
        table: the table at the source, reached directly.
        source_line, front: what the pipeline goes through; no `front` with the embedded warehouse.
        injected: how many faults of each kind have really struck.
        misjudged: runs that ended as they must not.
        usual_connections: how many the last run that ended well made to the source: moments are chosen by their number.
    """

    server: Server
    table: SourceTable
    folder: Path
    source_line: TcpProxy
    front: Front | None
    injected: Counter[str] = field(default_factory=Counter)
    misjudged: list[str] = field(default_factory=list)
    endings: Counter[str] = field(default_factory=Counter)
    usual_connections: int = 12
    connections_before: int = 0

    @classmethod
    @contextmanager
    def set(
        cls,
        server: Server,
        *,
        dialect: str,
        shape: Shape,
        over_http: bool,
        rows: int,
        chunk_rows: int = 1_000,
    ) -> Iterator[Self]:
        """An empty warehouse and store, a filled table at the source."""
        folder = Path(tempfile.mkdtemp(prefix="dagster-pipeline-torture-"))
        folder.chmod(0o755)  # for the user who may only read
        url = server.create_database("shop")
        table = SourceTable((postgres if dialect == "postgres" else mariadb)(url), shape)
        table.create(rows)
        table.write_file(folder / "schemas", chunk_rows=chunk_rows)
        (folder / "state").mkdir()
        parts = urlsplit(url)
        line = TcpProxy(str(parts.hostname), int(parts.port or 0))
        front = Front(folder / "warehouse") if over_http else None
        try:
            yield cls(server, table, folder, line, front)
        finally:
            line.__exit__()
            if front:
                front.close()
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def state_file(self) -> Path:
        """The state store."""
        return self.folder / "state" / "state.sqlite"

    def start(self, **facts: object) -> Run:
        """Start a run."""
        self.connections_before = self.source_line.connections
        parts = urlsplit(self.table.server.url)
        address = parts._replace(
            netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{self.source_line.port}"
        )
        warehouse = self.front.url if self.front else f"chdb://{self.folder / 'warehouse'}"
        return Run(
            {
                "schemas": str(self.folder / "schemas"),
                "source": address.geturl(),
                "warehouse": warehouse,
                "state": f"sqlite:///{self.state_file}?timeout={STATE_TIMEOUT_SECONDS}",
                **facts,
            },
            self.folder,
        )

    def judge(self, fault: str, ended: Ended, *allowed: str) -> Ended:
        """Remember how a run ended, and that it must not have ended so."""
        self.endings[ended.how] += 1
        if ended.how == "well":
            self.usual_connections = max(self.source_line.connections - self.connections_before, 1)
        if ended.how not in allowed:
            self.misjudged.append(f"{fault}: {ended.how} after {ended.seconds:.1f} s: {ended.words}")
        return ended

    def restart_server(self) -> None:
        """Start the source server again, wherever it then listens."""
        self.server.start()
        parts = urlsplit(self.server.url)
        self.source_line.server = (str(parts.hostname), int(parts.port or 0))

    def forget_state(self) -> None:
        """Delete the state store."""
        for file in self.state_file.parent.iterdir():
            file.unlink()

    @contextmanager
    def locked_state(self) -> Iterator[None]:
        """Another program writes into the state store and does not come to an end."""
        connection = sqlite3.connect(self.state_file, isolation_level=None, timeout=30)
        connection.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            connection.rollback()
            connection.close()

    @contextmanager
    def read_only_state(self) -> Iterator[dict[str, object]]:
        """The facts of a run whose user may read the state store and not write it."""
        folder = self.state_file.parent
        folder.chmod(0o555)
        self.state_file.chmod(0o444)
        try:
            yield {"user": NOBODY}
        finally:
            folder.chmod(0o755)
            self.state_file.chmod(0o644)

    def ledger(self) -> dict[str, tuple[int, int]]:
        """Chunks and rows by the status that the ledger has for them, all loads together."""
        with suppress(sqlite3.OperationalError):  # not there yet, or just being made
            connection = sqlite3.connect(f"file:{self.state_file}?mode=ro", uri=True)
            try:
                found = connection.execute(
                    "SELECT status, count(*), sum(row_count) FROM pipeline_chunks GROUP BY status"
                ).fetchall()
            finally:
                connection.close()
            return {str(status): (int(chunks), int(rows)) for status, chunks, rows in found}
        return {}


def wait(seconds: float) -> None:
    """Let time pass: part of a scenario, never a wait for something to be ready."""
    time.sleep(seconds)
