"""MariaDB or MySQL as a product: its data directory, its command line, its administration."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pymysql

from dagster_pipeline.database_url import DatabaseUrl
from scripts.servers.process import Account, ServerError, find_program, run_to_end
from scripts.servers.product import Product

SMALL = ("--innodb-buffer-pool-size=64M", "--skip-log-bin")
# A commit still survives the death of the server's process, only not that of the machine.
NOT_DURABLE = ("--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=0")


class MariaDb(Product):
    """MariaDB 10.4 or later, or MySQL 8.0 or later, whichever is installed; MariaDB when both are."""

    name: ClassVar = "mariadb"
    title: ClassVar = "MariaDB"
    scheme: ClassVar = "mysql"
    administrator: ClassVar = "root"
    variable: ClassVar = "MYSQL_URL"
    accounts: ClassVar = ("mysql", "nobody")
    packages: ClassVar = ("mariadb-server",)
    image: ClassVar = "mysql:8.4"
    container_port: ClassVar = 3306
    stop_signal: ClassVar = signal.SIGTERM

    def is_installed(self) -> bool:
        """See `Product.is_installed`."""
        return _mariadb_programs() is not None or find_program("mysqld") is not None

    def initialise(self, data: Path, *, account: Account, password: str, durable: bool) -> None:
        """See `Product.initialise`. The password is set by `before_start`'s file."""
        del password, durable
        programs = _mariadb_programs()
        command: list[str | Path]
        if programs:
            owner = [f"--auth-root-socket-user={account.name}"] if account.name else []
            command = [
                programs[1],
                "--no-defaults",
                f"--datadir={data}",
                "--skip-test-db",
                "--auth-root-authentication-method=socket",
                *owner,
            ]
        else:
            command = [_server_program(), "--no-defaults", "--initialize-insecure", f"--datadir={data}"]
        run_to_end(command, account=account, directory=data.parent)

    def command(self, data: Path, *, port: int, durable: bool) -> list[str]:
        """See `Product.command`.

        The socket's path is relative, so it is below the data directory however long that directory's path is (107
        bytes are the limit of unix(7)), and clients that ask the server for its socket do not find it: they use TCP,
        as in production.
        """
        flavour = ["--performance-schema=OFF"] if _mariadb_programs() else ["--mysqlx=OFF"]
        return [
            str(_server_program()),
            "--no-defaults",
            f"--datadir={data}",
            f"--tmpdir={data}",  # a server that starts clears the temporary tables of all others in its folder
            f"--port={port}",
            "--bind-address=127.0.0.1",
            "--socket=server.sock",
            "--pid-file=server.pid",
            f"--init-file={_account_file(data)}",
            "--character-set-server=utf8mb4",
            "--local-infile=ON",
            *SMALL,
            *(() if durable else NOT_DURABLE),
            *flavour,
        ]

    def before_start(self, data: Path, *, account: Account, password: str) -> None:
        """Write the statements that give the administrator the password, which the server runs before it listens."""
        path = _account_file(data)
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(
            f"CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED BY '{password}';\n"
            f"GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;\n"
            f"ALTER USER 'root'@'localhost' IDENTIFIED BY '{password}';\n"
        )
        account.own(path)

    def container_environment(self, password: str) -> Mapping[str, str]:
        """See `Product.container_environment`."""
        return {"MYSQL_ROOT_PASSWORD": password}

    def check(self, url: str) -> None:
        """See `Product.check`."""
        _execute(url, "SELECT 1")

    def create_database(self, url: str, name: str) -> None:
        """See `Product.create_database`."""
        quoted = "`" + name.replace("`", "``") + "`"
        _execute(url, f"DROP DATABASE IF EXISTS {quoted}")
        _execute(url, f"CREATE DATABASE {quoted} CHARACTER SET utf8mb4")


def connect(url: str, *, autocommit: bool = True) -> pymysql.Connection[pymysql.cursors.Cursor]:
    """A connection in UTF-8 and UTC."""
    parsed = DatabaseUrl.parse(url, variable=MariaDb.variable, schemes=("mysql", "mariadb"))
    return pymysql.connect(
        host=parsed.host,
        port=parsed.port or 3306,
        user=parsed.user,
        password=parsed.password,
        database=parsed.database or None,
        ssl_ca=parsed.options.get("ssl_ca"),
        charset="utf8mb4",
        init_command="SET time_zone = '+00:00'",
        connect_timeout=5,
        autocommit=autocommit,
        local_infile=True,
    )


def _execute(url: str, statement: str) -> None:
    with connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)


def _account_file(data: Path) -> Path:
    return data.parent / "administrator.sql"


def _mariadb_programs() -> tuple[Path, Path] | None:
    server, installer = find_program("mariadbd"), find_program("mariadb-install-db")
    return (server, installer) if server and installer else None


def _server_program() -> Path:
    programs = _mariadb_programs()
    found = programs[0] if programs else find_program("mysqld")
    if not found:
        raise ServerError(
            "No MariaDB or MySQL server program is on this machine.", todo="Install MariaDB 10.4 or later."
        )
    return found
