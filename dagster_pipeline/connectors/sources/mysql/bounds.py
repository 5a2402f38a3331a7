"""How far MySQL or MariaDB is settled. Why the rules are safe stands in `settling`.

Open transactions: `information_schema.innodb_trx` needs PROCESS (its times are in the server's system zone). A
statement's NOW() is its own start, and its transaction may begin later (it may wait for a metadata lock first), so
statements of the process list that may write count too. The clock is read at the start of the very statement that
looks for transactions: whoever begins later writes a later time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pymysql
from pymysql.cursors import Cursor

from dagster_pipeline.connectors.batch import SourceBounds
from dagster_pipeline.connectors.sources import settling
from dagster_pipeline.connectors.sources.mysql.dialect import DIALECT, is_temporal
from dagster_pipeline.connectors.sources.query_comment import APPLICATION
from dagster_pipeline.connectors.sources.sql_dialect import ComparedColumn
from dagster_pipeline.errors import ConfigurationError

GRANT = "GRANT PROCESS ON *.*"
ACCESS_DENIED = 1227
_OURS = f"/* {APPLICATION}%"
_LOCAL = (
    """COALESCE(CONVERT_TZ({clock}, '+00:00', @@global.time_zone), CONVERT_TZ({clock}, '+00:00', 'SYSTEM'))"""
)

_CLOCK = f"""
SELECT CAST(UTC_TIMESTAMP(6) AS CHAR) AS utc,
       CAST(LEAST(UTC_TIMESTAMP(6), {_LOCAL.format(clock="UTC_TIMESTAMP(6)")}) AS CHAR) AS local_time,
       @@global.read_only AS is_read_only
"""

_OPEN = """
SELECT CONCAT('t', trx_id) AS name, CONCAT('transaction ', trx_id, ' of thread ', trx_mysql_thread_id) AS who,
       GREATEST(TIMESTAMPDIFF(SECOND, trx_started, CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM')), 0) AS age
FROM information_schema.innodb_trx
WHERE trx_mysql_thread_id NOT IN (0, CONNECTION_ID()) AND COALESCE(trx_query, '') NOT LIKE %(ours)s
UNION ALL
SELECT CONCAT('s', id, '/', query_id), CONCAT('statement of thread ', id, ', user ', user), time + 1
FROM information_schema.processlist
WHERE command IN ('Query', 'Execute') AND id <> CONNECTION_ID() AND db IS NOT NULL
  AND info NOT LIKE %(ours)s AND info NOT LIKE 'SELECT%%'
"""
_OPEN_WITHOUT_QUERY_ID = _OPEN.replace("id, '/', query_id", "id, '/', LEFT(SHA1(info), 8)")
"""MySQL's process list has no `query_id`."""

_SITUATION = "SELECT * FROM ({clock}) clock LEFT JOIN ({open}) open ON TRUE"


@dataclass(frozen=True, slots=True)
class _Situation:
    """What was seen at one moment: open transactions as name to (description, age), `None` where they cannot be seen."""

    utc: str
    local: str
    is_replica: bool
    transactions: dict[str, tuple[str, timedelta]] | None


@dataclass(frozen=True, kw_only=True)
class BoundsQuestion:
    """One cursor's bounds.

    Attributes:
        relation: the quoted table.
        floor: where the cursor stands.
        lookback: the file's `sync.lookback`.
        nulls: a condition of rows that are counted where the whole table is read anyway; `None` for no count.
        settle: the file's `sync.settle`.
        is_mariadb: decides how statements are told apart.
        is_indexed: the greatest value is found without reading the table.
        asking: opens a cursor.
    """

    relation: str
    column: ComparedColumn
    floor: str | None
    lookback: timedelta
    nulls: str | None
    settle: timedelta
    is_mariadb: bool
    is_indexed: bool
    asking: Callable[[], AbstractContextManager[Cursor]]

    def answer(self) -> SourceBounds:
        """Ask the source; see `settling` for why the answer is safe."""
        return self._temporal(self._situation()) if is_temporal(self.column) else self._other()

    @property
    def reads_whole_table(self) -> bool:
        """The answer takes one reading of the table, which counts too."""
        return not self.is_indexed and is_temporal(self.column)

    def _situation(self) -> _Situation:
        """One statement, so its clock is read before its own look at transactions."""
        open_ = _OPEN if self.is_mariadb else _OPEN_WITHOUT_QUERY_ID
        with self.asking() as cursor:
            try:
                cursor.execute(_SITUATION.format(clock=_CLOCK, open=open_), {"ours": _OURS})
            except pymysql.MySQLError as error:
                if not error.args or error.args[0] != ACCESS_DENIED:
                    raise
                cursor.execute(_CLOCK)
                ((utc, local, read_only),) = cursor.fetchall()
                return _Situation(str(utc), str(local), bool(read_only), None)
            found = cursor.fetchall()
        utc, local, read_only, *_ = found[0]
        transactions = {
            str(name): (str(who), timedelta(seconds=int(age or 0)))
            for *_, name, who, age in found
            if name is not None
        }
        return _Situation(str(utc), str(local), bool(read_only), transactions)

    def _temporal(self, seen: _Situation) -> SourceBounds:
        oldest = max((seen.transactions or {}).values(), key=lambda found: found[1], default=None)
        notes: list[str] = []
        held = oldest[1] if oldest else timedelta(0)
        if seen.is_replica:
            held, notes = self.settle, [settling.replica("read-only replica", self.settle)]
        elif seen.transactions is None:
            held, notes = self.settle, [settling.unseen(f"{GRANT} TO the source's user", self.settle)]
        elif oldest and oldest[1] > settling.NOTED_AGE:
            notes = [settling.held_back(oldest[0], oldest[1])]
        with self.asking() as cursor:
            cursor.execute(self._temporal_sql(seen, held))
            ((newest, settled, future, rows, nulls),) = cursor.fetchall()
        if future:
            notes.append(settling.future_rows(str(newest)))
        return SourceBounds(
            newest=newest,
            settled=settled,
            null_rows=int(nulls or 0),
            notes=tuple(notes),
            rows_at_most=None if rows is None else int(rows),
        )

    def _temporal_sql(self, seen: _Situation, held: timedelta) -> str:
        column, kind = DIALECT.quote(self.column.name), self.column.literal_type
        zoned = kind == "timestamp"
        now = f"TIMESTAMP'{seen.utc if zoned else seen.local}'"
        back = int(held.total_seconds()) + (86_400 if kind == "date" else 1)
        quiet = back + int(self.settle.total_seconds()) + (0 if zoned else 12 * 3600)
        settled = f"LEAST(newest, GREATEST(COALESCE(present, newest) - INTERVAL {back} SECOND, {now} - INTERVAL {quiet} SECOND))"
        settled = f"DATE({settled})" if kind == "date" else settled
        if self.floor is not None:
            settled = f"GREATEST({settled}, {DIALECT.literal(self.floor, self.column)})"
        # A comparison with the column itself would be made in the zone of whoever prepared it; the session's is UTC.
        return (
            # One value has one text: an expression has more decimals than the column.
            f"SELECT CAST(newest AS CHAR), CASE WHEN {settled} = newest THEN CAST(newest AS CHAR)"
            f" WHEN newest IS NOT NULL THEN CAST({settled} AS CHAR) END,"
            f" COALESCE(newest > {now} + INTERVAL 1 MINUTE, 0), at_least_floor, without_value"
            f" FROM ({self._extremes_sql(column, now)}) bounds"
        )

    def _extremes_sql(self, column: str, now: str) -> str:
        """Two look-ups in the index, or one pass over the table, which then counts what would take more of them."""
        if not self.reads_whole_table:
            return (
                f"SELECT (SELECT MAX({column}) FROM {self.relation}) AS newest,"
                f" (SELECT MAX({column}) FROM {self.relation} WHERE {column} <= {now}) AS present,"
                " NULL AS at_least_floor, NULL AS without_value"
            )
        at_least_floor, without_value = "NULL", "NULL"
        if self.floor is not None:
            floor = DIALECT.literal(self.floor, self.column)
            if seconds := int(self.lookback.total_seconds()):
                floor = DIALECT.earlier(floor, self.column, seconds)
            at_least_floor = f"COUNT(CASE WHEN {column} >= {floor} THEN 1 END)"
        if self.nulls is not None:
            without_value = f"COUNT(CASE WHEN {self.nulls} THEN 1 END)"
        return (
            f"SELECT MAX({column}) AS newest, MAX(CASE WHEN {column} <= {now} THEN {column} END) AS present,"
            f" {at_least_floor} AS at_least_floor, {without_value} AS without_value FROM {self.relation}"
        )

    def _other(self) -> SourceBounds:
        newest, settled = self._newest()
        if newest is None:
            return SourceBounds(newest=None, settled=None)
        before = self._situation()
        if before.is_replica:
            reason, todo = (
                "the source is a read-only replica",
                "Read from the primary, or choose a timestamp as the cursor.",
            )
            return SourceBounds(newest, None, notes=(settling.never_settles(reason, todo),))
        if before.transactions is None:
            reason, todo = "open transactions cannot be seen", f"{GRANT} TO the source's user."
            return SourceBounds(newest, None, notes=(settling.never_settles(reason, todo),))
        left = (
            settling.wait_until_empty(partial(self._still_open, set(before.transactions)))
            if before.transactions
            else []
        )
        if left:
            return SourceBounds(newest, None, notes=(settling.unsettled(left[0]),))
        return SourceBounds(newest=newest, settled=settled)

    def _newest(self) -> tuple[str | None, str | None]:
        column = DIALECT.quote(self.column.name)
        text = DIALECT.canonical_text(self.column)
        settled = text
        if self.floor is not None:
            floor = DIALECT.literal(self.floor, self.column)
            settled = f"CASE WHEN {column} < {floor} THEN {DIALECT.text(self.floor)} ELSE {text} END"
        with self.asking() as cursor:
            cursor.execute(
                f"SELECT {text}, {settled} FROM {self.relation} WHERE {column} IS NOT NULL ORDER BY {column} DESC LIMIT 1"
            )
            found = cursor.fetchone()
        return (str(found[0]), str(found[1])) if found else (None, None)

    def _still_open(self, before: set[str]) -> list[str]:
        now = self._situation().transactions
        if now is None:
            raise ConfigurationError(
                "The right to see open transactions was taken away.", todo=f"{GRANT} TO the source's user."
            )
        return [f"{who}, open for {age.seconds} s" for name, (who, age) in now.items() if name in before]
