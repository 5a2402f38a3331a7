"""A database server as a process of this machine, with its data below a directory of ours.

Beside the folder `<product>/` stands the record `<product>.json` (mode 600): pid, port and password. It is written before
the server is waited for, so whatever interrupts a start, the next `stop` still knows what to end.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from scripts.servers.packages import install
from scripts.servers.process import Account, ServerError, end, find_process, free_port, is_free, kill, launch
from scripts.servers.product import Product
from scripts.servers.server import Server

START_SECONDS = 60.0
TRIES = 3  # another program may take the free port between our look and the server's


@dataclass(frozen=True, slots=True)
class Record:
    """What must be known to use and end a server that an earlier program started."""

    password: str
    port: int = 0
    pid: int = 0


class LocalServer(Server):
    """A server of installed programs. Its data outlives it; a second start finds everything as it was."""

    def __init__(
        self, product: Product, directory: Path, *, durable: bool = True, dies_with_us: bool = False
    ) -> None:
        """Nothing is started yet.

        Args:
            directory: holds data and record; created when missing.
            durable: survive a power cut. Without it a start is faster, and a power cut may spoil the data.
            dies_with_us: the server ends when this program does, however it ends (Linux).
        """
        super().__init__(product)
        self._account = Account.choose(product.accounts)
        self._record_file = directory.absolute() / f"{product.name}.json"
        self._durable = durable
        self._dies_with_us = dies_with_us
        self._home = self._reachable(directory.absolute() / product.name)
        self._data = self._home / "data"

    @property
    def url(self) -> str:
        """See `Server.url`."""
        record = self._read()
        return self.product.url(port=record.port, password=record.password)

    @property
    def origin(self) -> str:
        """See `Server.origin`."""
        return f"process {self._read().pid} on port {self._read().port}"

    @property
    def process(self) -> psutil.Process | None:
        """See `Server.process`."""
        return find_process(self._read().pid, mark=self._data)

    def start(self) -> None:
        """See `Server.start`. Installs the programs when they are missing and this user may."""
        with self._alone():
            if self.process:
                self._wait(self.url)
                return
            install(self.product)
            self._lay_out()
            for remaining in reversed(range(TRIES)):
                self._launch()
                try:
                    self._wait(self.url)
                except ServerError:
                    if not remaining:
                        raise
                else:
                    return

    def stop(self) -> None:
        """See `Server.stop`."""
        process = self.process
        if process:
            end(process, stop_signal=self.product.stop_signal)

    def kill(self) -> None:
        """See `Server.kill`."""
        process = self.process
        if not process:
            raise ServerError(f"{self.product.title} does not run.")
        kill(process)

    def remove(self) -> None:
        """Stop the server and delete its data and its record."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)
        self._record_file.unlink(missing_ok=True)

    def _lay_out(self) -> None:
        """Create the data directory under another name first: a half one is never taken for a whole one."""
        if self._data.exists():
            return
        draft = self._home / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)
        record = Record(password=secrets.token_urlsafe(18))
        self._write(record)
        self.product.initialise(draft, account=self._account, password=record.password, durable=self._durable)
        draft.rename(self._data)

    def _launch(self) -> None:
        record = self._read()
        port = record.port if record.port and is_free(record.port) else free_port()
        self.product.before_start(self._data, account=self._account, password=record.password)
        pid = launch(
            self.product.command(self._data, port=port, durable=self._durable),
            account=self._account,
            directory=self._home,
            log=self._log,
            dies_with_us=self.product.stop_signal if self._dies_with_us else None,
        )
        self._write(Record(password=record.password, port=port, pid=pid))

    def _wait(self, url: str) -> None:
        """Return when the server answers. Raises `ServerError` when it died or the time is up."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.product.check(url)
            except Exception as error:  # noqa: BLE001 - any driver's error means "not yet"
                if self.process and time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                ending = "".join(self._log.read_text(errors="replace").splitlines(keepends=True)[-15:])
                raise ServerError(
                    f"{self.product.title} did not start: {error}\n{ending}",
                    todo=f"Its full log is {self._log}.",
                ) from error
            else:
                return

    @property
    def _log(self) -> Path:
        return self._record_file.with_suffix(".log")

    def _reachable(self, home: Path) -> Path:
        """`home`, or a stand-in below /var/tmp when the account may not walk down to it (a project in /root)."""
        home.parent.mkdir(parents=True, exist_ok=True)
        if not self._account.reaches(home):
            name = hashlib.sha256(str(home).encode()).hexdigest()[:12]
            home = Path("/var/tmp") / f"dagster-pipeline-{name}"  # noqa: S108 - its owner and mode are set below
        home.mkdir(mode=0o700, exist_ok=True)
        self._account.own(home)
        return home

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two programs that start the same server at once: the second waits and then finds it running."""
        with self._record_file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self) -> Record:
        try:
            return Record(**json.loads(self._record_file.read_text()))
        except FileNotFoundError:
            return Record(password="")

    def _write(self, record: Record) -> None:
        draft = self._record_file.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(record)))
        draft.replace(self._record_file)
