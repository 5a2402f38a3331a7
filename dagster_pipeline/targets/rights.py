"""Which rights to write into a target our user lacks, found by having the target explain each statement, not run it.

PostgreSQL, MySQL and MariaDB demand the same rights for EXPLAIN as for the statement itself. Reading what GRANT said before would
have to add up roles, wildcards and owners as the server does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dagster_pipeline.connectors.server_facts import MissingGrant
from dagster_pipeline.schema.field_types import Names
from dagster_pipeline.targets.base_target import Target


@dataclass(frozen=True, slots=True)
class NeededRights:
    """What a file does to its target's table.

    Attributes:
        read: columns that are compared and read back; the first is locked with its row.
        inserted: columns of new rows; empty for none.
        updated: columns that are changed; empty for none.
        deletes: rows may go.
    """

    read: Names
    inserted: Names = ()
    updated: Names = ()
    deletes: bool = False


def missing_rights(target: Target, needed: NeededRights) -> MissingGrant | None:
    """The rights beyond SELECT that lack, with the one GRANT that gives them. Raises `ConfigurationError` or `RetriableError`."""
    lacking = [right for right, statement in _statements(target, needed) if not target.allows(statement)]
    if not lacking:
        return None
    rights = ", ".join(dict.fromkeys(lacking))
    return MissingGrant(
        f"{rights} on {target.name}",
        "rows cannot be locked and written",
        f"GRANT {rights} ON {target.relation} TO {target.account()};",
    )


def _statements(target: Target, needed: NeededRights) -> Iterator[tuple[str, str]]:
    """Each right with a statement that needs it. A row that is compared is locked, which takes UPDATE too."""
    at = target.relation

    def listed(names: Names) -> str:
        return ", ".join(map(target.quote, names))

    if needed.inserted:
        nothing = ", ".join(["NULL"] * len(needed.inserted))
        yield "INSERT", f"INSERT INTO {at} ({listed(needed.inserted)}) VALUES ({nothing})"
    if needed.updated:
        changes = ", ".join(f"{target.quote(name)} = NULL" for name in needed.updated)
        yield "UPDATE", f"UPDATE {at} SET {changes}"
    elif target.allows(f"SELECT {listed(needed.read)} FROM {at}"):  # else SELECT is what lacks
        yield "UPDATE", f"SELECT {listed(needed.read[:1])} FROM {at} FOR UPDATE"
    if needed.deletes:
        yield "DELETE", f"DELETE FROM {at}"
