"""Answers of a server that depend on nothing but the question, e.g. how it spells a type: asked for once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from dagster_pipeline.connectors.sink.clickhouse.catalog import Rows

KEPT = 512
"""Answers; the one that was used longest ago makes room."""


class Answers:
    """What one server has answered. May be used from several threads; two that ask at once may both ask the server."""

    def __init__(self, *, kept: int = KEPT) -> None:
        """Nothing was asked yet."""
        self._kept = kept
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[object, ...], list[tuple[Any, ...]]] = OrderedDict()

    def remembered(self, ask: Rows) -> Rows:
        """`ask`, for questions that were not asked before. An error is not remembered."""

        def rows(sql: str, parameters: Mapping[str, object] | None) -> list[tuple[Any, ...]]:
            question = (sql, *sorted((parameters or {}).items()))
            with self._lock:
                if question in self._known:
                    self._known.move_to_end(question)
                    return self._known[question]
            answer = ask(sql, parameters)
            with self._lock:
                self._known[question] = answer
                if len(self._known) > self._kept:
                    self._known.popitem(last=False)
            return answer

        return rows
