"""How MySQL and MariaDB answer what `key_splitter` asks."""

from __future__ import annotations

import re
from collections.abc import Callable

from pymysql.cursors import Cursor

_ROWS = re.compile(r'"(?:rows|rows_examined_per_scan)": (\d+)')
"""MariaDB's and MySQL's word. Taken from the text, since MariaDB forgets to escape a back-slash in a table's name."""


def estimating(cursor: Cursor) -> Callable[[str], int]:
    """The optimizer's row estimate: the greatest of its plan's steps."""

    def estimate(statement: str) -> int:
        cursor.execute(f"EXPLAIN FORMAT=JSON {statement}")
        ((plan,),) = cursor.fetchall()
        return max(map(int, _ROWS.findall(str(plan))), default=0)

    return estimate
