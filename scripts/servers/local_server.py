"""A database server as a process of this machine, with its data below a directory of ours.

Beside the data stands the record `<product>.json` (mode 600): where the data is, password, port and pid. It is written
before the server is waited for, so whatever interrupts a start, the next `stop` still knows what to end.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from scripts.servers import packages
from scripts.servers.process import (
    Account,
    ServerError,
    end,
    find_process,
    free_port,
    guard,
    is_free,
    kill,
    launch,
)
from scripts.servers.product import Product
from scripts.servers.server import Server

START_SECONDS = 180.0
TRIES = 3  # another program may take the free port between our look and the server's
FOR_EVERYBODY = "/var/tmp"  # noqa: S108 - mkdtemp makes a private directory there


@dataclass(frozen=True, slots=True)
class Record:
    """What must be known to use and end a server that an earlier program started.

    Attributes:
        home: absolute directory of the server's account; the data is in `data` below it.
        port, pid: 0 before the first start.
    """

    home: str
    password: str
    port: int = 0
    pid: int = 0

    @property
    def data(self) -> Path:
        """The data directory."""
        return Path(self.home) / "data"


class LocalServer(Server):
    """A server of installed programs. Its data outlives it; a second start finds everything as it was."""

    def __init__(
        self, product: Product, directory: Path, *, durable: bool = True, ends_with_us: bool = False
    ) -> None:
        """Nothing is started or written yet; `directory` will hold data, record and log.

        A server that is not `durable` starts faster, and a power cut may spoil its data. With `ends_with_us` it ends
        when this program does, however that ends.
        """
        super().__init__(product)
        self._record_file = directory.absolute() / f"{product.name}.json"
        self._log = self._record_file.with_suffix(".log")
        self._durable = durable
        self._ends_with_us = ends_with_us
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """See `Server.url`. Raises `ServerError` before the first start."""
        record = self._read()
        if not record or not record.port:
            raise ServerError(f"{self.product.title} was not started here yet.", todo="Start it first.")
        return self.product.url(port=record.port, password=record.password)

    @property
    def origin(self) -> str:
        """See `Server.origin`."""
        process, record = self.process, self._read()
        return f"process {process.pid}, port {record.port}" if process and record else "not running"

    @property
    def process(self) -> psutil.Process | None:
        """See `Server.process`."""
        record = self._read()
        return find_process(record.pid, mark=record.data) if record and record.pid else None

    def install(self) -> None:
        """See `Server.install`."""
        packages.install(self.product)

    def start(self) -> None:
        """See `Server.start`. Installs the programs when they are missing and this user may."""
        with self._alone():
            if self.process:
                self._wait()
                return
            self.install()
            self._lay_out()
            for remaining in reversed(range(TRIES)):
                self._launch()
                try:
                    self._wait()
                except ServerError:
                    if not remaining or self.process:
                        raise
                else:
                    return

    def stop(self) -> None:
        """See `Server.stop`."""
        self._drop_guard()
        process = self.process
        if process:
            end(process, stop_signal=self.product.stop_signal)

    def kill(self) -> None:
        """See `Server.kill`."""
        process = self.process
        if not process:
            raise ServerError(f"{self.product.title} does not run.")
        self._drop_guard()
        kill(process)

    def remove(self) -> None:
        """See `Server.remove`. The log stays."""
        self.stop()
        record = self._read()
        if record:
            shutil.rmtree(record.home, ignore_errors=True)
            self._record_file.unlink()

    def _lay_out(self) -> None:
        """Create the data directory under another name first: a half one is never taken for a whole one."""
        record = self._read()
        if record and record.data.exists():
            return
        if record:
            shutil.rmtree(record.home, ignore_errors=True)
        account = Account.choose(self.product.accounts)
        record = Record(home=str(self._new_home(account)), password=secrets.token_urlsafe(18))
        self._write(record)
        draft = record.data.with_suffix(".draft")
        self.product.initialise(draft, account=account, password=record.password, durable=self._durable)
        draft.rename(record.data)

    def _new_home(self, account: Account) -> Path:
        """A directory of the account; below /var/tmp when it may not walk down to ours (a project in /root)."""
        home = self._record_file.with_suffix("")
        home.mkdir(mode=0o700, exist_ok=True)
        if not account.reaches(home):
            home.rmdir()
            home = Path(tempfile.mkdtemp(prefix=f"dagster-pipeline-{self.product.name}-", dir=FOR_EVERYBODY))
        account.own(home)
        return home

    def _launch(self) -> None:
        record = self._read()
        assert record, "the data directory was laid out"  # noqa: S101 - tells the type checker
        account = Account.choose(self.product.accounts)
        record = replace(record, port=record.port if record.port and is_free(record.port) else free_port())
        self.product.before_start(record.data, account=account, password=record.password)
        command = self.product.command(record.data, port=record.port, durable=self._durable)
        pid = launch(command, account=account, directory=Path(record.home), log=self._log)
        self._write(replace(record, pid=pid))
        if self._ends_with_us:
            self._drop_guard()
            self._guard = guard(pid, stop_signal=self.product.stop_signal)

    def _wait(self) -> None:
        """Return when the server answers. Raises `ServerError` when it died or the time is up."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.product.check(self.url)
            except Exception as error:
                if self.process and time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                ending = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
                raise ServerError(
                    f"{self.product.title} did not start: {error}\n{ending}\n",
                    todo=f"Its full log is {self._log}.",
                ) from error
            else:
                return

    def _drop_guard(self) -> None:
        if self._guard:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two programs that start the same server at once: the second waits, and then finds it running."""
        self._record_file.parent.mkdir(parents=True, exist_ok=True)
        with self._record_file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self) -> Record | None:
        try:
            return Record(**json.loads(self._record_file.read_text()))
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise ServerError(
                f"{self._record_file} belongs to another user.",
                todo="Run as that user, or delete the directory.",
            ) from error

    def _write(self, record: Record) -> None:
        draft = self._record_file.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(record)))
        draft.replace(self._record_file)
