"""The statement that reads what a load left out: one row per value that cannot be represented. Pure text.

The same guards decide that flag rows in a load's own select list, so the two agree on what is bad. Everything is text, so
that the bytes go the way of every other stream and no value can stop them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dagster_pipeline.connectors.batch import WireColumn
from dagster_pipeline.connectors.sources.predicates import Columns
from dagster_pipeline.connectors.sources.sql_dialect import SqlDialect
from dagster_pipeline.type_mapper.canonical_text import CanonicalColumn
from dagster_pipeline.type_mapper.mapping import ColumnMapping

KEY_MARK = "\x1f"
"""Between the texts of a key of several columns."""
NULL_KEY = "\x1e"
"""Stands for NULL in a key."""

WIRE_COLUMNS = (
    # The key in the text that both databases write alike, hashed as the warehouse hashes its own keys.
    WireColumn("key_digest", "String", "reinterpretAsUInt64(reverse(substring(SHA256({column}), 1, 8)))"),
    WireColumn("key", "String", "splitByChar('\\x1f', {column})"),
    WireColumn("column", "String"),
    WireColumn("value", "Nullable(String)"),
    WireColumn("reason", "String"),
    WireColumn("run_id", "String"),
    WireColumn("load_id", "String"),
)


@dataclass(frozen=True, kw_only=True)
class BadRowsStatement:
    """The statement of one table.

    Attributes:
        bad: mappings of the columns to look at, each with a guard.
        key: the primary key's columns.
        columns: every column as the catalog has it.
        relation: the quoted table.
    """

    dialect: SqlDialect
    bad: Sequence[ColumnMapping]
    key: Sequence[CanonicalColumn]
    columns: Columns
    relation: str

    def text(self, where: str, *, run_id: str, load_id: str) -> str:
        """The SELECT; `where` are the rows to look at, as ` WHERE ...` or nothing."""
        text, number = self.dialect.text, self._number
        selected = (
            self._joined([each.source.replace("{column}", self._quote(each.name)) for each in self.key]),
            self._joined([self._key_text(each.name) for each in self.key]),
            self._chosen(lambda mapping: text(mapping.name)),
            self._chosen(lambda mapping: self._raw(mapping.source_name)),
            self._chosen(lambda mapping: text(mapping.guard.reason if mapping.guard else "")),
            text(run_id),
            text(load_id),
        )
        named = ", ".join(
            f"{expression} AS {self._quote(column.name)}"
            for expression, column in zip(selected, WIRE_COLUMNS, strict=True)
        )
        numbers = " UNION ALL ".join(f"SELECT {at} AS {number}" for at in range(len(self.bad)))
        is_bad = self._chosen(self._violated)
        condition = f"{where} AND " if where else " WHERE "
        return f"SELECT {named} FROM {self.relation} CROSS JOIN ({numbers}) bad_columns{condition}({is_bad})"

    @property
    def _number(self) -> str:
        """A name that no column of the table has."""
        name = "bad_column"
        while name in {each.lower() for each in self.columns}:
            name += "_"
        return self._quote(name)

    def _quote(self, name: str) -> str:
        return self.dialect.quote(name)

    def _raw(self, name: str) -> str:
        return self.dialect.canonical_text(self.columns[name])

    def _key_text(self, name: str) -> str:
        return f"COALESCE({self._raw(name)}, {self.dialect.text(NULL_KEY)})"

    def _joined(self, texts: Sequence[str]) -> str:
        return f"concat_ws({self.dialect.text(KEY_MARK)}, {', '.join(texts)})"

    def _violated(self, mapping: ColumnMapping) -> str:
        violated = mapping.guard.violated if mapping.guard else "1 = 0"
        return f"({violated.replace('{column}', self._quote(mapping.source_name))})"

    def _chosen(self, term: Callable[[ColumnMapping], str]) -> str:
        """The term of the column whose turn it is."""
        whens = " ".join(f"WHEN {self._number} = {at} THEN {term(each)}" for at, each in enumerate(self.bad))
        return f"CASE {whens} END"
