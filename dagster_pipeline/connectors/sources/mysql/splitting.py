"""How MySQL and MariaDB answer what `key_splitter` asks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from pymysql.cursors import Cursor


def estimating(cursor: Cursor) -> Callable[[str], int]:
    """The optimizer's row estimate: the `rows` of EXPLAIN, the one spelling that both products share."""

    def estimate(statement: str) -> int:
        cursor.execute(f"EXPLAIN FORMAT=JSON {statement}")
        ((plan,),) = cursor.fetchall()
        return max((int(rows) for rows in _numbers(json.loads(plan))), default=0)

    return estimate


def _numbers(plan: Any) -> Iterator[float]:
    """`rows` of MariaDB's plan, `rows_examined_per_scan` of MySQL's, however deep."""
    if isinstance(plan, dict):
        for key, value in plan.items():
            if key in {"rows", "rows_examined_per_scan"} and isinstance(value, int | float):
                yield value
            else:
                yield from _numbers(value)
    elif isinstance(plan, list):
        for part in plan:
            yield from _numbers(part)
