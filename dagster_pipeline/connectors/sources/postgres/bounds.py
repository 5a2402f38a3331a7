"""How far PostgreSQL is settled. Why the rules are safe stands in `settling`.

Open transactions: `pg_stat_activity.xact_start` needs `pg_read_all_stats` to show other users'
(postgresql.org/docs/current/predefined-roles.html); `pg_locks` shows every open transaction's virtual id to everybody,
which is what CREATE INDEX CONCURRENTLY waits on and what a cursor without a clock needs. A prepared transaction only
tells when it was prepared, so it counts as begun `sync.settle` earlier. Transactions of other databases and our own,
which are read-only, cannot write the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from dagster_pipeline.connectors.batch import SourceBounds
from dagster_pipeline.connectors.sources import settling
from dagster_pipeline.connectors.sources.postgres.connection import Cursor
from dagster_pipeline.connectors.sources.postgres.dialect import DIALECT, is_temporal
from dagster_pipeline.connectors.sources.query_comment import APPLICATION
from dagster_pipeline.connectors.sources.sql_dialect import ComparedColumn

GRANT = "pg_read_all_stats"

_ZONED = "timestamp with time zone"

_SITUATION = f"""
SELECT pg_is_in_recovery(),
       pg_has_role(current_user, '{GRANT}', 'USAGE') AND current_setting('track_activities') = 'on',
       current_user
"""

_OLDEST = """
oldest AS (
    SELECT who, greatest(statement_timestamp() - since, interval '0') AS age FROM (
        SELECT format('process %%s of user %%s', pid, usename) AS who, xact_start AS since
        FROM pg_catalog.pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> %(application)s
          AND backend_type IS DISTINCT FROM 'autovacuum worker' AND backend_type IS DISTINCT FROM 'walsender'
        UNION ALL
        SELECT format('prepared transaction %%s of user %%s', gid, owner), prepared - %(settle)s
        FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()
    ) open WHERE since IS NOT NULL ORDER BY since LIMIT 1
)
"""

_OPEN = """
SELECT format('%%s/%%s', lock.pid, lock.virtualxid),
       format('process %%s of user %%s%%s', lock.pid, usename,
              CASE WHEN xact_start IS NULL THEN ''
                   ELSE format(', open for %%s s', extract(epoch FROM clock_timestamp() - xact_start)::int) END)
FROM pg_catalog.pg_locks lock JOIN pg_catalog.pg_stat_activity activity USING (pid)
WHERE lock.locktype = 'virtualxid' AND lock.mode = 'ExclusiveLock' AND lock.granted AND lock.pid <> pg_backend_pid()
  AND activity.datname = current_database() AND activity.usesysid IS NOT NULL AND application_name <> %(application)s
  AND backend_type IS DISTINCT FROM 'autovacuum worker' AND backend_type IS DISTINCT FROM 'walsender'
UNION ALL
SELECT format('prepared %%s', gid), format('prepared transaction %%s of user %%s', gid, owner)
FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()
"""


@dataclass(frozen=True, kw_only=True)
class BoundsQuestion:
    """One cursor's bounds.

    Attributes:
        relation: the quoted table.
        floor: where the cursor stands.
        settle: the file's `sync.settle`.
        session: opens a transaction, inside which every statement sees anew but `pg_stat_activity`.
    """

    relation: str
    column: ComparedColumn
    floor: str | None
    settle: timedelta
    session: Callable[[], AbstractContextManager[Cursor]]

    def answer(self) -> SourceBounds:
        """Ask the source; see `settling` for why the answer is safe."""
        with self.session() as cursor:
            cursor.execute(_SITUATION)
            standby, sees_others, user = _row(cursor)
            if is_temporal(self.column):
                return self._temporal(cursor, standby=standby, sees_others=sees_others, user=user)
            newest, settled = self._newest(cursor)
            open_before = {} if newest is None or standby else _open_transactions(cursor)
        return self._other(newest, settled, standby=standby, open_before=open_before)

    def _temporal(self, cursor: Cursor, *, standby: bool, sees_others: bool, user: str) -> SourceBounds:
        seen = sees_others and not standby
        cursor.execute(
            self._temporal_sql(seen=seen, standby=standby),
            {"application": APPLICATION, "settle": self.settle, "floor": self.floor},
        )
        newest, settled, future, who, seconds = _row(cursor)
        age = timedelta(seconds=seconds or 0)
        notes = []
        if standby:
            notes.append(settling.replica("standby", self.settle))
        elif not sees_others:
            notes.append(settling.unseen(f"GRANT {GRANT} TO {DIALECT.quote(user)}", self.settle))
        elif who is not None and age > settling.NOTED_AGE:
            notes.append(settling.held_back(who, age))
        if future:
            notes.append(settling.future_rows(newest))
        return SourceBounds(newest=newest, settled=settled, notes=tuple(notes))

    def _temporal_sql(self, *, seen: bool, standby: bool) -> str:
        column, relation = self._names()
        type_ = self.column.literal_type
        zoned = type_ == _ZONED
        clock = "pg_last_xact_replay_timestamp()" if standby else "statement_timestamp()"
        local, zones = "{0}", "0 hours"
        if not zoned:
            zone = "(SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'TimeZone')"
            local, zones = f"least({{0}} AT TIME ZONE 'UTC', {{0}} AT TIME ZONE {zone})", "12 hours"
        resolution = "1 day" if type_ == "date" else "1 second"
        working = _ZONED if zoned else "timestamp without time zone"
        age = "coalesce((SELECT age FROM oldest), interval '0')" if seen else "%(settle)s::interval"
        newest = f"SELECT {column} FROM {relation} WHERE {column} IS NOT NULL"
        return f"""
WITH {_OLDEST},
clocks AS (SELECT {local.format("statement_timestamp()")} AS now, {local.format(clock)} AS clock),
newest AS ({newest} ORDER BY {column} DESC LIMIT 1),
inputs AS (
    SELECT now, clock, (SELECT {column} FROM newest) AS newest, {age} + interval '{resolution}' AS held,
           CASE WHEN (SELECT {column} FROM newest) <= now THEN (SELECT {column} FROM newest)
                ELSE ({newest} AND {column} <= now ORDER BY {column} DESC LIMIT 1) END AS present
    FROM clocks
),
settled AS (
    SELECT newest, now, least(newest::{working}, greatest(present::{working} - held,
           clock - held - %(settle)s::interval - interval '{zones}'))::{type_} AS settled
    FROM inputs
)
SELECT newest::text, CASE WHEN newest IS NOT NULL THEN greatest(settled, %(floor)s::{type_})::text END,
       coalesce(newest > now + interval '1 minute', false), (SELECT who FROM oldest),
       (SELECT extract(epoch FROM age)::float FROM oldest)
FROM settled
"""

    def _names(self) -> tuple[str, str]:
        """The column and the table as they stand in a statement with parameters, which are marked by a percent sign."""
        return DIALECT.quote(self.column.name).replace("%", "%%"), self.relation.replace("%", "%%")

    def _newest(self, cursor: Cursor) -> tuple[str | None, str | None]:
        """The newest value, and the same raised to the floor."""
        column, relation = self._names()
        type_ = self.column.literal_type
        cursor.execute(
            f"WITH newest AS (SELECT {column} AS value FROM {relation} WHERE {column} IS NOT NULL"
            f" ORDER BY {column} DESC LIMIT 1)"
            f" SELECT value::text, CASE WHEN value < %(floor)s::{type_} THEN %(floor)s ELSE value::text END FROM newest",
            {"floor": self.floor},
        )
        return cursor.fetchone() or (None, None)

    def _other(
        self, newest: str | None, settled: str | None, *, standby: bool, open_before: Mapping[str, str]
    ) -> SourceBounds:
        if newest is None:
            return SourceBounds(newest=None, settled=None)
        if standby:
            note = settling.never_settles(
                "the source is a standby, where the primary's open transactions cannot be seen",
                "Read from the primary, or choose a timestamp as the cursor.",
            )
            return SourceBounds(newest=newest, settled=None, notes=(note,))
        left = settling.wait_until_empty(partial(self._still_open, set(open_before))) if open_before else []
        if left:
            return SourceBounds(newest=newest, settled=None, notes=(settling.unsettled(left[0]),))
        return SourceBounds(newest=newest, settled=settled)

    def _still_open(self, before: set[str]) -> list[str]:
        with self.session() as cursor:
            return [who for name, who in _open_transactions(cursor).items() if name in before]


def _open_transactions(cursor: Cursor) -> dict[str, str]:
    """What `pg_stat_activity` says, which stays as it is until the transaction ends: each look needs its own."""
    cursor.execute(_OPEN, {"application": APPLICATION})
    return dict(cursor.fetchall())


def _row(cursor: Cursor) -> tuple[Any, ...]:
    found: tuple[Any, ...] | None = cursor.fetchone()
    if found is None:
        raise AssertionError("a SELECT without FROM has one row")
    return found
