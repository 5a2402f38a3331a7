"""One JSON object a line, without secrets: a formatter for `python_logs` in dagster.yaml, which docs/security.md shows."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from dagster_pipeline.alerts.scrubber import Scrubber
from dagster_pipeline.settings import Settings


class JsonLines(logging.Formatter):
    """Time, level, logger, message; of Dagster's own records also run, job and step; an exception as text.

    Every text passes the scrubber, so a driver that repeats a password in its message does not log it.
    """

    _of_dagster: ClassVar[Mapping[str, str]] = {"run_id": "run", "job_name": "job", "step_key": "step"}

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Any = "%",
        validate: bool = True,  # noqa: FBT001, FBT002 -- logging.config passes it so
    ) -> None:
        """Takes what `logging.config` gives any formatter; only the secrets of the environment matter."""
        super().__init__(fmt, datefmt, style, validate)
        self._scrubber = Scrubber(Settings.from_environment().secrets())

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        facts = getattr(record, "dagster_meta", None)
        if isinstance(facts, Mapping):
            line |= {shown: str(facts[name]) for name, shown in self._of_dagster.items() if facts.get(name)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(
            {name: self._scrubber.hidden(text) for name, text in line.items()}, ensure_ascii=False
        )
