"""What PostgreSQL's catalog says of a table that an export writes, and of what hangs on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_FACTS = """
SELECT c.oid::bigint, c.relkind::text, COALESCE(obj_description(c.oid, 'pg_class'), ''),
       EXISTS (SELECT FROM pg_catalog.pg_constraint f WHERE f.confrelid = c.oid AND f.conrelid <> c.oid AND f.contype = 'f'),
       array_remove(ARRAY[
         CASE WHEN c.relkind <> 'r' THEN 'it is partitioned' END,
         CASE WHEN c.relpersistence <> 'p' THEN 'it is not logged' END,
         CASE WHEN c.relrowsecurity OR EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid)
              THEN 'it has row security' END,
         CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
              THEN 'it has triggers' END,
         CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f')
              THEN 'it has foreign keys' END,
         CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_constraint f WHERE f.confrelid = c.oid AND f.contype = 'f')
              THEN 'foreign keys refer to it' END,
         CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
                           WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refobjid = c.oid)
              THEN 'views or rules use it' END,
         CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
              THEN 'it inherits' END,
         CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_publication_tables p
                           WHERE p.schemaname = n.nspname AND p.tablename = c.relname) THEN 'it is published' END,
         CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid
                           WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid AND s.relkind = 'S'
                             AND d.deptype IN ('a', 'i')) THEN 'it owns a sequence' END,
         CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL)
              THEN 'columns have grants of their own' END,
         CASE WHEN c.reloptions IS NOT NULL OR c.reltablespace <> 0 OR c.relreplident <> 'd'
              THEN 'it has storage options' END,
         CASE WHEN pg_get_userbyid(c.relowner) <> current_user THEN 'another role owns it' END], NULL)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s
"""
"""A table that takes another one's name lacks what is listed in the array: `CREATE TABLE ... (LIKE ...)` does not copy it."""

_INDEXES = """
SELECT ci.relname, COALESCE(pg_get_constraintdef(con.oid), ''),
       substr(pg_get_indexdef(i.indexrelid), length(format('CREATE %%sINDEX %%I ON %%I.%%I USING ',
              CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, ci.relname, n.nspname, c.relname)) + 1), i.indisunique
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class ci ON ci.oid = i.indexrelid
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint con ON con.conindid = i.indexrelid AND con.contype IN ('p', 'u', 'x')
WHERE i.indrelid = %s ORDER BY i.indexrelid
"""

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation::bigint,
       COALESCE(pg_get_expr(d.adbin, d.adrelid), '')
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""

_GRANTS = """
SELECT g.privilege_type, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
       g.is_grantable
FROM pg_catalog.pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g WHERE c.oid = %s AND g.grantee <> c.relowner
"""

_RIGHTS = """
SELECT to_regnamespace(%(quoted)s) IS NOT NULL, COALESCE(has_schema_privilege(to_regnamespace(%(quoted)s), 'CREATE'), false)
"""
_TABLE_RIGHTS = """
SELECT array_remove(ARRAY[
    CASE WHEN NOT has_table_privilege(%(oid)s::oid, 'SELECT') THEN 'SELECT' END,
    CASE WHEN NOT has_table_privilege(%(oid)s::oid, 'INSERT') THEN 'INSERT' END,
    CASE WHEN NOT has_table_privilege(%(oid)s::oid, 'UPDATE') THEN 'UPDATE' END,
    CASE WHEN NOT has_table_privilege(%(oid)s::oid, 'DELETE') THEN 'DELETE' END], NULL)
"""


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table that exists.

    Attributes:
        kind: `relkind`.
        comment: its own.
        is_referenced: foreign keys of other tables refer to it.
        keeps: why another table cannot take its place; empty when one can.
    """

    oid: int
    kind: str
    comment: str
    is_referenced: bool
    keeps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """An index; `constraint` is its constraint's definition, empty where it has none; `tail` is what follows USING."""

    name: str
    constraint: str
    tail: str
    is_unique: bool

    @property
    def shape(self) -> tuple[str, str, bool]:
        """All but the name."""
        return self.constraint, self.tail, self.is_unique


def table_facts(cursor: Any, schema: str, table: str) -> TableFacts | None:
    """`None` when there is no such table, view or the like."""
    cursor.execute(_FACTS, (schema, table))
    found = cursor.fetchone()
    if found is None:
        return None
    oid, kind, comment, is_referenced, keeps = found
    return TableFacts(oid, kind, comment, is_referenced, tuple(keeps))


def indexes(cursor: Any, oid: int) -> list[Index]:
    """In the order of their creation."""
    cursor.execute(_INDEXES, (oid,))
    return [Index(*row) for row in cursor.fetchall()]


def columns(cursor: Any, oid: int) -> list[tuple[Any, ...]]:
    """Everything by which two tables' columns may differ."""
    cursor.execute(_COLUMNS, (oid,))
    return list(cursor.fetchall())


def grants(cursor: Any, oid: int) -> list[tuple[str, str, bool]]:
    """Privilege, quoted role, and whether the role may pass it on."""
    cursor.execute(_GRANTS, (oid,))
    return list(cursor.fetchall())


def schema_rights(cursor: Any, quoted_schema: str) -> tuple[bool, bool]:
    """It exists, and tables may be created in it."""
    cursor.execute(_RIGHTS, {"quoted": quoted_schema})
    exists, may_create = cursor.fetchone()
    return bool(exists), bool(may_create)


def missing_rights(cursor: Any, oid: int) -> list[str]:
    """What we may not do with a table."""
    cursor.execute(_TABLE_RIGHTS, {"oid": oid})
    return list(cursor.fetchone()[0])
