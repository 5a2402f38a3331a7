"""From a check over several tables to its question. Pure: no connection, no clock.

A table stands in the SQL as a reader sees it: under FINAL, without rows that are marked as deleted.
"""

from __future__ import annotations

from collections.abc import Mapping

from dagster_pipeline.checks.question import Question, Row, Verdict
from dagster_pipeline.checks.questions import Subject, judged_value, question
from dagster_pipeline.checks.samples import shortened
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.reader_view import READER_SETTINGS, Relation
from dagster_pipeline.schema.models import TableCheck
from dagster_pipeline.schema.quality_models import Agree, References, Side, SqlAcross
from dagster_pipeline.schema.table_placeholders import PLACEHOLDER, tables_in

Across = SqlAcross | Agree | References


def tables_of(check: Across) -> tuple[str, ...]:
    """The tables that a check reads, each once."""
    match check:
        case SqlAcross(query=query):
            return tables_in(query)
        case Agree(left=left, right=right):
            return tuple(dict.fromkeys((left.table, right.table)))
        case References(table=table, to=to):
            return tuple(dict.fromkeys((table, to)))


def across_question(check: Across, tables: Mapping[str, SinkTable]) -> Question:
    """The question of one check; `tables` has at least those that it reads, by `<database>/<table>`."""
    match check:
        case SqlAcross():
            query = check.query.strip().rstrip(";")
            sql = PLACEHOLDER.sub(lambda match: _seen(tables[match[1]]), query)
            # The line end: what the driver appends must not belong to a comment.
            return Question(f"{sql}\n", judged_value(check.expect))
        case Agree():
            return _agree(check, tables)
        case References():
            as_declared = TableCheck(
                kind="relationship",
                name=check.name,
                columns=(check.column,),
                arguments={"to": check.to, "field": check.field},
            )
            return question(as_declared, Subject(tables[check.table]))


def subject_of(check: Across, tables: Mapping[str, SinkTable]) -> SinkTable:
    """The table whose rows a check's samples are; the first one where it has none to show."""
    return tables[check.table if isinstance(check, References) else tables_of(check)[0]]


def _agree(check: Agree, tables: Mapping[str, SinkTable]) -> Question:
    left, right = (_value(side, tables[side.table]) for side in (check.left, check.right))
    near = f"abs(l - r) <= {check.tolerance!r}" if check.tolerance else "l = r"
    sql = (
        f"SELECT toString(l), toString(r), ifNull({near}, l IS NULL AND r IS NULL) "
        f"FROM (SELECT ({left}) AS l, ({right}) AS r) {READER_SETTINGS}"
    )

    def judge(row: Row) -> Verdict:
        found = tuple("NULL" if each is None else _shown(str(each)) for each in row[:2])
        allowed = f", allowed to be {check.tolerance} apart" if check.tolerance else ""
        says = f"{check.left.table}: {found[0]}, {check.right.table}: {found[1]}{allowed}"
        return Verdict(bool(row[2]), says)

    return Question(sql, judge)


def _value(side: Side, table: SinkTable) -> str:
    where = f" WHERE ({side.where}\n)" if side.where else ""
    return f"SELECT {side.value} FROM {_seen(table)}{where}"


def _shown(text: str) -> str:
    """A number as it is; anything else may be somebody's."""
    return (
        text
        if text.lstrip("-").replace(".", "", 1).replace("e", "", 1).isalnum() and text[-1:].isdigit()
        else shortened(text)
    )


def _seen(table: SinkTable) -> str:
    """In brackets also where that is not needed, so that FINAL and an alias do not meet."""
    return f"({Relation(table).select('*')})"
