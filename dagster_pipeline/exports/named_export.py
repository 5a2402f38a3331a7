"""One export file with what it needs of the tree. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.schema.export_file import KIND, ExportFile


@dataclass(frozen=True, slots=True)
class NamedExport:
    """One file.

    Attributes:
        name: the file's name.
        path: where it stands.
        file: what it says.
        table: the warehouse table that it reads; `None` for a query.
        sources: `<database>/<table>` of every warehouse table that it reads, as far as the file says.
    """

    name: str
    path: Path
    file: ExportFile
    table: SinkTable | None
    sources: tuple[str, ...]

    @property
    def state_name(self) -> str:
        """Under which the state store knows it: `exports/<name>`, as its asset is called."""
        return f"{KIND}/{self.name}"
