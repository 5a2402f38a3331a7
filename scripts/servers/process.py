"""A server as an operating system process: start it as an ordinary user, know it again, end it by its pid.

Nothing here knows a database. A process is only taken for ours when its command line names our data directory, so a
pid that the system gave to another program meanwhile is never signalled.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from dagster_pipeline.errors import PipelineError

SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")
END_WHEN_ORPHANED = (
    'read -r _; kill -s "$1" "$2"'  # our end of the pipe closes when we are gone, however we went
)


class ServerError(PipelineError):
    """A database server could not be found, started, reached or ended."""


@dataclass(frozen=True, slots=True)
class Account:
    """The ordinary user a server runs as.

    Attributes:
        name: `None` means the user who runs this program, and nothing changes hands.
    """

    name: str | None = None
    uid: int = -1
    gid: int = -1

    @classmethod
    def choose(cls, names: Sequence[str]) -> Account:
        """Ourselves; but database servers refuse to run as root, so for root the first of `names` that exists."""
        if os.geteuid() != 0:
            return cls()
        for name in names:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(name, entry.pw_uid, entry.pw_gid)
        raise ServerError(
            f"This is root, and none of the users {', '.join(names)} exists.",
            todo="Run as an ordinary user instead.",
        )

    def own(self, path: Path) -> None:
        """Hand a file or an empty directory over to this account."""
        if self.name:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether this account may walk down to `path`, which exists."""
        return not self.name or all(parent.stat().st_mode & 0o001 for parent in path.absolute().parents)


def find_program(name: str, *folders: Path) -> Path | None:
    """A program's path, looked for in `folders`, on PATH and where systems keep servers."""
    places = os.pathsep.join([*map(str, folders), os.environ.get("PATH", ""), *SYSTEM_FOLDERS])
    found = shutil.which(name, path=places)
    return Path(found) if found else None


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _environment(directory: Path) -> dict[str, str]:
    """As little as servers need: a developer's PGPORT or MYSQL_HOME must not reach them.

    Temporary files have a directory of their own: MariaDB, while it is installed too, deletes those of every other server in it.
    """
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])
    return {"PATH": path, "HOME": str(directory), "TMPDIR": str(directory), "LC_ALL": "C", "TZ": "UTC"}


def run_to_end(command: Sequence[str | Path], *, account: Account, directory: Path) -> None:
    """Run a set-up program as `account` in `directory`. Raises `ServerError` with the end of what it printed."""
    result = subprocess.run(
        command,
        cwd=directory,
        env=_environment(directory),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        **_identity(account),
    )
    if result.returncode:
        raise ServerError(
            f"{Path(command[0]).name} failed with code {result.returncode}:\n{result.stdout[-2000:]}"
        )


def launch(command: Sequence[str | Path], *, account: Account, directory: Path, log: Path) -> int:
    """Start a server that outlives us, and return its pid. What it prints goes to the end of `log`.

    It gets a session of its own, so that Ctrl-C in this terminal does not reach it.
    """
    with log.open("ab") as output:
        server = subprocess.Popen(
            command,
            cwd=directory,
            env=_environment(directory),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **_identity(account),
        )
    return server.pid


def guard(pid: int, *, stop_signal: signal.Signals) -> subprocess.Popen[bytes]:
    """A small process that sends `stop_signal` to `pid` when we are gone, even by kill -9. End it with `kill()`."""
    name = stop_signal.name.removeprefix("SIG")
    return subprocess.Popen(
        ["sh", "-c", END_WHEN_ORPHANED, "guard", name, str(pid)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def _identity(account: Account) -> dict[str, Any]:
    return {"user": account.uid, "group": account.gid, "extra_groups": ()} if account.name else {}


def find_process(pid: int, *, mark: Path) -> psutil.Process | None:
    """The live process `pid` when its command line names `mark`, else `None`."""
    try:
        process = psutil.Process(pid)
        named = any(str(mark) in part for part in process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied, ValueError):
        return None
    return process if named and not has_ended(process) else None


def has_ended(process: psutil.Process) -> bool:
    """Whether it is gone, or dead and only not yet buried by its parent, which in a container may take long.

    While a dead process has threads, they die one after another, and its port is still taken.
    """
    try:
        unburied = process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
        return unburied or not process.is_running()
    except psutil.NoSuchProcess:
        return True


def wait_until_ended(processes: Sequence[psutil.Process], *, seconds: float) -> bool:
    """Whether all of them ended in time."""
    deadline = time.monotonic() + seconds
    while not all(map(has_ended, processes)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def end(process: psutil.Process, *, stop_signal: signal.Signals, patience: float = 30.0) -> None:
    """Ask a server to stop, wait `patience` seconds, then kill it with its children."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(stop_signal)
    if not wait_until_ended([process], seconds=patience):
        kill(process)


def kill(process: psutil.Process) -> None:
    """End a server and its children at once, as a crash would."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    wait_until_ended(family, seconds=10)
