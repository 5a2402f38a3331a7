"""Opens the sink of an export: one function for each kind, whose driver is imported when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dagster_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from dagster_pipeline.connectors.sink.base_export_sink import BaseExportSink
    from dagster_pipeline.exports.named_export import NamedExport
    from dagster_pipeline.settings import Settings

OPENERS: dict[str, Callable[[Settings, NamedExport], BaseExportSink]] = {}
"""By `sink.kind`."""


def open_export_sink(settings: Settings, export: NamedExport) -> BaseExportSink:
    """Where an export goes. Raises `ConfigurationError` when no address is set; nothing is connected yet."""
    kind = export.file.sink.kind
    if kind not in OPENERS:
        raise ConfigurationError(f"{export.state_name}: there is no sink of the kind {kind}.")
    return OPENERS[kind](settings, export)
