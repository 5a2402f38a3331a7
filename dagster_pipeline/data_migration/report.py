"""What became of each row: a line of JSON for every row that was looked at, with its key and reasons and no other value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self


class RowReport:
    """A file that grows with the run; without a path nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def add(self, key: Sequence[str], outcome: str, reasons: Sequence[str]) -> None:
        """One row."""
        if self._file is not None:
            line = {"key": list(key), "outcome": outcome, "reasons": list(reasons)}
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def __enter__(self) -> Self:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
