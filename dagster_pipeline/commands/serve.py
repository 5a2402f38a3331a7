"""`serve`: check that a service of Dagster can work, then become it. The entry of the containers.

It ends at once with one line when something is wrong; Dagster itself would try for minutes, or print pages.
"""

from __future__ import annotations

import argparse
import os

from dagster_pipeline.commands.command import Command
from dagster_pipeline.instance.services import SERVICES, check_service
from dagster_pipeline.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `serve`."""
    parser.add_argument(
        "service",
        choices=list(SERVICES),
        help="grpc: the code server; migrate: bring Dagster's database to the installed version, then end",
    )
    parser.add_argument("--check", action="store_true", help="only check, and start nothing")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Never returns when the service starts: it takes this process over, so that signals reach it."""
    service, home = SERVICES[arguments.service], settings.dagster_home.absolute()
    variables = settings.environment.of_a_service()
    variables["DAGSTER_HOME"] = str(home)
    os.environ.update(variables)  # boto3 and libpq read the process's own
    check_service(service, variables, home, create_schema=_create_schema)
    if arguments.check:
        return 0
    command = service.command(variables, home)
    return os.execve(command[0], command, variables)  # noqa: S606 -- a list of ours, and no shell is wanted


def _create_schema() -> None:
    from dagster import DagsterInstance  # noqa: PLC0415 -- seconds, which only the very first start pays

    with DagsterInstance.get():
        pass


COMMAND = Command("serve", "Check that a service of Dagster can work, then become it.", add_arguments, run)
