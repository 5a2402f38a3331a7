"""PostgreSQL as a product: its data directory, its command line, its administration."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import psycopg2
import psycopg2.sql

from scripts.servers.process import Account, ServerError, find_process, find_program, run_to_end
from scripts.servers.product import Product, with_database

SMALL = {"shared_buffers": "64MB", "max_wal_size": "1GB", "wal_level": "minimal", "max_wal_senders": "0"}
# A commit still survives the death of the server's process, only not that of the machine.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class Postgres(Product):
    """PostgreSQL 13 or later."""

    name: ClassVar = "postgres"
    title: ClassVar = "PostgreSQL"
    scheme: ClassVar = "postgresql"
    administrator: ClassVar = "postgres"
    variable: ClassVar = "POSTGRES_URL"
    accounts: ClassVar = ("postgres", "nobody")
    packages: ClassVar = ("postgresql",)
    image: ClassVar = "postgres:17"
    container_port: ClassVar = 5432
    stop_signal: ClassVar = signal.SIGINT  # "fast shutdown", postgresql.org/docs/current/server-shutdown.html

    def is_installed(self) -> bool:
        """See `Product.is_installed`."""
        return bool(_find("postgres") and _find("initdb"))

    def initialise(self, data: Path, *, account: Account, password: str, durable: bool) -> None:
        """See `Product.initialise`."""
        password_file = data.parent / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(password)
        account.own(password_file)
        options = [
            "--encoding=UTF8",
            "--no-locale",
            "--auth=scram-sha-256",
            f"--username={self.administrator}",
        ]
        if not durable:
            options.append("--no-sync")
        try:
            run_to_end(
                [_program("initdb"), "-D", data, f"--pwfile={password_file}", *options],
                account=account,
                directory=data.parent,
            )
        finally:
            password_file.unlink()

    def command(self, data: Path, *, port: int, durable: bool) -> list[str]:
        """See `Product.command`. No unix socket: its path would often be too long, and TCP is what production has."""
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **SMALL,
            **({} if durable else NOT_DURABLE),
        }
        pairs = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [str(_program("postgres")), "-D", str(data), "-p", str(port), *pairs]

    def before_start(self, data: Path, *, account: Account, password: str) -> None:
        """Remove a lock file whose pid now belongs to another program, which PostgreSQL cannot tell apart.

        A lock file of a dead pid stays: PostgreSQL then makes sure that no orphan of the dead server is at work.
        """
        del account, password
        lock = data / "postmaster.pid"
        if not lock.exists():
            return
        pid = int(lock.read_text().split()[0])
        if Path(f"/proc/{pid}").exists() and not find_process(pid, mark=data):
            lock.unlink()

    def container_environment(self, password: str) -> Mapping[str, str]:
        """See `Product.container_environment`."""
        return {"POSTGRES_PASSWORD": password}

    def check(self, url: str) -> None:
        """See `Product.check`."""
        _execute(url, psycopg2.sql.SQL("SELECT 1"))

    def create_database(self, url: str, name: str) -> None:
        """See `Product.create_database`. Connections to the old database are ended."""
        identifier = psycopg2.sql.Identifier(name)
        _execute(url, psycopg2.sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
        _execute(
            url, psycopg2.sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(identifier)
        )


def _execute(url: str, statement: psycopg2.sql.Composable) -> None:
    connection = psycopg2.connect(with_database(url, "postgres"), connect_timeout=5)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def _find(program: str) -> Path | None:
    def version(folder: Path) -> int:
        return int("".join(re.findall(r"\d+", folder.parent.name)[:1]) or 0)

    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True)
    return find_program(program, *folders)


def _program(name: str) -> Path:
    found = _find(name)
    if not found:
        raise ServerError(
            f"PostgreSQL's program {name} is not on this machine.", todo="Install PostgreSQL 13 or later."
        )
    return found
