"""What information_schema says of a table that an export writes, and of what hangs on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_KIND = """
SELECT CONVERT(table_type USING utf8mb4), CONVERT(table_comment USING utf8mb4)
FROM information_schema.tables WHERE table_schema = %(database)s AND table_name = %(table)s
"""
_REFERS = """
SELECT EXISTS (SELECT 1 FROM information_schema.referential_constraints
               WHERE constraint_schema = %(database)s AND table_name = %(table)s),
       EXISTS (SELECT 1 FROM information_schema.referential_constraints
               WHERE unique_constraint_schema = %(database)s AND referenced_table_name = %(table)s
                 AND NOT (constraint_schema = %(database)s AND table_name = %(table)s))
"""
_TRIGGERS = """
SELECT EXISTS (SELECT 1 FROM information_schema.triggers
               WHERE event_object_schema = %(database)s AND event_object_table = %(table)s),
       EXISTS (SELECT 1 FROM information_schema.user_privileges WHERE privilege_type = 'TRIGGER')
       OR EXISTS (SELECT 1 FROM information_schema.schema_privileges
                  WHERE privilege_type = 'TRIGGER' AND %(database)s LIKE table_schema)
       OR EXISTS (SELECT 1 FROM information_schema.table_privileges
                  WHERE privilege_type = 'TRIGGER' AND table_schema = %(database)s AND table_name = %(table)s)
"""
_COLUMNS = """
SELECT CONVERT(column_name USING utf8mb4), CONVERT(column_type USING utf8mb4), is_nullable,
       CONVERT(COALESCE(collation_name, '') USING utf8mb4), CONVERT(COALESCE(column_default, '') USING utf8mb4),
       CONVERT(extra USING utf8mb4)
FROM information_schema.columns WHERE table_schema = %(database)s AND table_name = %(table)s ORDER BY ordinal_position
"""
_INDEXES = """
SELECT CONVERT(index_name USING utf8mb4), seq_in_index, CONVERT(COALESCE(column_name, '') USING utf8mb4), non_unique,
       COALESCE(sub_part, 0)
FROM information_schema.statistics WHERE table_schema = %(database)s AND table_name = %(table)s
ORDER BY index_name, seq_in_index
"""
_EXISTING = """
SELECT CONVERT(table_name USING utf8mb4) FROM information_schema.tables
WHERE table_schema = %(database)s AND table_name IN %(tables)s
"""


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table that exists.

    Attributes:
        kind: `BASE TABLE`, `VIEW` or the like.
        is_referenced: foreign keys of other tables refer to it.
        keeps: why another table cannot take its place; empty when one can.
    """

    kind: str
    comment: str
    is_referenced: bool
    keeps: tuple[str, ...]


def table_facts(cursor: Any, database: str, table: str) -> TableFacts | None:
    """`None` when there is no such table or view."""
    at = {"database": database, "table": table}
    cursor.execute(_KIND, at)
    found = cursor.fetchone()
    if found is None:
        return None
    cursor.execute(_REFERS, at)
    refers, is_referenced = cursor.fetchone()
    cursor.execute(_TRIGGERS, at)
    has_triggers, sees_triggers = cursor.fetchone()
    reasons = {
        "it is no plain table": found[0] != "BASE TABLE",
        "it has foreign keys": refers,
        "foreign keys refer to it": is_referenced,
        "it has triggers": has_triggers,
        "our user may not see whether it has triggers (GRANT TRIGGER)": not (has_triggers or sees_triggers),
    }
    keeps = tuple(reason for reason, applies in reasons.items() if applies)
    return TableFacts(str(found[0]), str(found[1]), bool(is_referenced), keeps)


def shape(cursor: Any, database: str, table: str) -> tuple[Any, Any]:
    """Everything by which two tables' columns and indexes may differ."""
    at = {"database": database, "table": table}
    cursor.execute(_COLUMNS, at)
    columns = tuple(cursor.fetchall())
    cursor.execute(_INDEXES, at)
    return columns, tuple(cursor.fetchall())


def existing(cursor: Any, database: str, *tables: str) -> frozenset[str]:
    """Those of the tables that are there."""
    cursor.execute(_EXISTING, {"database": database, "tables": tables})
    return frozenset(str(name) for (name,) in cursor.fetchall())
