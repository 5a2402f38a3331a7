"""`metrics`: Prometheus metrics of every table, printed, written as a textfile, or served.

Exit codes: 0 written; 1 an error, named on stderr; 2 wrong usage. docs/metrics.md lists the metrics and rules over them.
"""

from __future__ import annotations

import argparse
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_pipeline.alerts.scrubber import Scrubber
from dagster_pipeline.alerts.watched_kinds import watch_tree
from dagster_pipeline.alerts.watched_table import WatchedTable
from dagster_pipeline.commands.command import Command
from dagster_pipeline.errors import ConfigurationError, RetriableError
from dagster_pipeline.schema_tree import load_tree
from dagster_pipeline.settings import Settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from dagster_pipeline.metrics.reading import Reading

PORT = 9464
KEEP_SECONDS = 15.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `metrics`."""
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--output", type=Path, help="write this file in one piece, for node_exporter's textfile collector"
    )
    way.add_argument("--serve", action="store_true", help="serve http://ADDRESS:PORT/metrics until stopped")
    parser.add_argument("--port", type=int, default=PORT, help=f"with --serve (default: {PORT})")
    parser.add_argument("--address", default="127.0.0.1", help="with --serve (default: 127.0.0.1)")
    parser.add_argument("--schemas-dir", type=Path, help="folder of the table files")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Read and write. Raises `PipelineError`."""
    # Here, since they import Dagster: `--help` imports every command.
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415

    from dagster_pipeline.metrics.exposition import ReadingCollector  # noqa: PLC0415

    if arguments.schemas_dir is not None:
        settings = replace(settings, schemas_dir=arguments.schemas_dir)
    tables = watch_tree(load_tree(settings))
    if not (settings.dagster_home / "dagster.yaml").is_file():
        raise ConfigurationError(
            f"{settings.dagster_home} holds no dagster.yaml.",
            todo="Set DAGSTER_HOME to the instance's directory.",
        )
    registry = CollectorRegistry()
    registry.register(
        ReadingCollector(lambda: _read(settings, tables), keep_seconds=KEEP_SECONDS if arguments.serve else 0)
    )
    if arguments.serve:
        return _serve(registry, arguments.address, arguments.port)
    text = generate_latest(registry)
    if arguments.output is None:
        sys.stdout.write(text.decode())
        return 0
    draft = arguments.output.with_name(f".{arguments.output.name}.new")
    try:
        draft.write_bytes(text)
        draft.replace(arguments.output)
    except OSError as error:
        raise ConfigurationError(f"{arguments.output} cannot be written: {error.strerror}.") from error
    return 0


def _read(settings: Settings, tables: list[WatchedTable]) -> Reading:
    """One reading. The instance is opened each time: a storage that was restarted is no reason to restart the exporter."""
    import dagster as dg  # noqa: PLC0415

    from dagster_pipeline.metrics.reading import read  # noqa: PLC0415

    try:
        with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
            return read(instance, tables)
    except Exception as error:  # noqa: BLE001 -- its storages raise what their drivers do
        said = Scrubber(settings.secrets()).secrets(str(error))
        raise RetriableError(
            f"Dagster's storage cannot be read: {said}", todo="Check dagster.yaml; `doctor` says more."
        ) from None


def _serve(registry: CollectorRegistry, address: str, port: int) -> int:
    """Answer until the process is stopped."""
    from prometheus_client import start_http_server  # noqa: PLC0415

    try:
        server, thread = start_http_server(port, addr=address, registry=registry)
    except OSError as error:
        raise ConfigurationError(
            f"{address}:{port} cannot be listened on: {error.strerror}.", todo="Choose another --port."
        ) from error
    sys.stderr.write(f"Serving http://{address}:{server.server_port}/metrics\n")
    try:
        while thread.is_alive():
            threading.Event().wait(3600)
    finally:
        server.shutdown()
    return 0


COMMAND = Command(
    "metrics", "Prometheus metrics of every table: print, write or serve them.", add_arguments, run
)
