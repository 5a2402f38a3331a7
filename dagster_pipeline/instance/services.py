"""Dagster's three services and its migration: the command of each, and what must be right before it starts."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.instance.instance_file import InstanceFile
from dagster_pipeline.instance.log_bucket_check import check_log_bucket
from dagster_pipeline.instance.storage_check import check_storage

LOCATION = "dagster_pipeline"
"""Dagster keeps schedules' switches under this name: a change would switch all of them back."""
DATABASE = ("storage", "postgres", "postgres_db")
LOGS = ("compute_logs", "config")


@dataclass(frozen=True, slots=True)
class Service:
    """One service.

    Attributes:
        module: what `python -m` runs.
        arguments: its arguments, `{home}`, `{host}` and `{port}` not filled in.
        listens: the variables that name address and port, and their defaults; `None` when it listens nowhere.
        migrates: the schema of Dagster's database need not be this Dagster's.
    """

    module: str
    arguments: tuple[str, ...]
    listens: tuple[tuple[str, str], tuple[str, str]] | None = None
    migrates: bool = False

    def command(self, variables: Mapping[str, str], home: Path) -> list[str]:
        """What is executed, from the program's path on."""
        host, port = self.address(variables) or ("", 0)
        filled = (argument.format(home=home, host=host, port=port) for argument in self.arguments)
        return [sys.executable, "-m", self.module, *filled]

    def address(self, variables: Mapping[str, str]) -> tuple[str, int] | None:
        """Where it will listen. Raises `ConfigurationError` for a port that is none."""
        if self.listens is None:
            return None
        (host_name, host), (port_name, port) = self.listens
        text = variables.get(port_name) or port
        if not text.isdecimal() or not 0 < int(text) < 65536:  # noqa: PLR2004 -- the largest TCP port and one
            raise ConfigurationError(f"{port_name} is {text!r}.", todo="Write a port, 1 to 65535.")
        return variables.get(host_name) or host, int(text)


_WORKSPACE = ("-w", "{home}/workspace.yaml")
SERVICES: Mapping[str, Service] = {
    "grpc": Service(
        "dagster_pipeline.dagster_cli",
        (
            *("api", "grpc", "-h", "{host}", "-p", "{port}"),
            *("-m", "dagster_pipeline.definitions", "--location-name", LOCATION),
        ),
        listens=(("DAGSTER_GRPC_HOST", "127.0.0.1"), ("DAGSTER_GRPC_PORT", "4000")),
    ),
    "webserver": Service(
        "dagster_webserver",
        ("-h", "{host}", "-p", "{port}", *_WORKSPACE),
        listens=(("DAGSTER_WEBSERVER_HOST", "127.0.0.1"), ("DAGSTER_WEBSERVER_PORT", "3004")),
    ),
    "daemon": Service("dagster._daemon", ("run", *_WORKSPACE)),
    "migrate": Service("dagster", ("instance", "migrate"), migrates=True),
}


def check_service(
    service: Service, variables: Mapping[str, str], home: Path, *, create_schema: Callable[[], object]
) -> None:
    """Raise `ConfigurationError` with the first thing that would keep the service from working.

    Args:
        service: what is to start.
        variables: the environment, secrets included.
        home: the instance directory.
        create_schema: makes Dagster's tables in an empty database.
    """
    instance = InstanceFile.read(home / "dagster.yaml")
    instance.demand_variables(variables)
    if any("{home}/workspace.yaml" in argument for argument in service.arguments):
        InstanceFile.read(home / "workspace.yaml").demand_variables(variables)
    address = service.address(variables)
    if address is not None and service.listens is not None:
        _check_port(*address, variable=service.listens[1][0])
    logs = instance.resolved(*LOGS, variables=variables)
    if logs is not None and "bucket" in logs:
        check_log_bucket(logs, variables)
    # Last, since it makes the tables of an empty database, which takes seconds.
    database = instance.resolved(*DATABASE, variables=variables)
    if database is not None:
        check_storage(
            database,
            variables=instance.variables_of(*DATABASE),
            create_schema=create_schema,
            accept_any_schema=service.migrates,
        )


def _check_port(host: str, port: int, *, variable: str) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"Port {port} of {host} is taken by another program.", todo=f"End it, or set {variable}."
            ) from error
        raise ConfigurationError(
            f"{host}:{port} cannot be listened on: {error.strerror}.",
            todo=f"Correct {variable.removesuffix('PORT')}HOST and {variable}.",
        ) from error
