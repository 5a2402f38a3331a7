"""What `state` says, as text for people and as values for JSON. Nothing is read or changed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from dagster_pipeline.connectors.batch import Window
from dagster_pipeline.reconcile.rebuild import Rebuilt
from dagster_pipeline.state.records import ChunkStatus, Load, LockRecord, TableState, for_people
from dagster_pipeline.sync.result import SyncResult

NOT_APPLIED = "Nothing was changed. Add --apply to do it."


@dataclass(frozen=True, slots=True)
class Report:
    """What one action has to say.

    Attributes:
        text: for people.
        data: for JSON; moments and paths become text.
    """

    text: str
    data: object


def plain(value: object) -> str:
    """A moment or a path of `Report.data` for JSON."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def of_tables(states: Sequence[TableState], locks: Sequence[LockRecord]) -> Report:
    """Every table in one line."""
    owners = {(lock.table, lock.partition): lock.owner for lock in locks}
    head = ("TABLE", "PARTITION", "CURSOR", "VERSION", "ROWS", "LAST SUCCESS", "OPEN LOAD", "LOCK")
    lines = [
        (
            state.table,
            state.partition or "-",
            _or_dash(state.cursor),
            str(state.version),
            _or_dash(state.rows),
            _moment(state.last_success_at),
            _progress(state.open_load),
            owners.pop((state.table, state.partition), "-"),
        )
        for state in states
    ]
    lines += [(table, partition or "-", *"-----", owner) for (table, partition), owner in owners.items()]
    text = _columns([head, *lines]) if lines else "The state store knows no table yet."
    data = {"tables": [_brief(state) for state in states], "locks": [asdict(lock) for lock in locks]}
    return Report(text, data)


def of_table(state: TableState, locks: Sequence[LockRecord]) -> Report:
    """One table with everything that is known of it."""
    facts = [
        ("table", state.table),
        ("partition", state.partition or "-"),
        ("cursor", _or_dash(state.cursor)),
        ("version", str(state.version)),
        ("rows", _or_dash(state.rows)),
        ("last success", _moment(state.last_success_at)),
        *(("lock", f"{lock.partition or 'whole table'}: {_holder(lock)}") for lock in locks),
        *_load_facts(state.open_load),
    ]
    return Report(_columns(facts), {**asdict(state), "locks": [asdict(lock) for lock in locks]})


def of_changes(changes: Sequence[tuple[TableState, str | None]], *, applied: bool) -> Report:
    """Cursors that are moved by hand."""
    lines = [_moved(before, cursor) + _abandoned(before.open_load) for before, cursor in changes]
    data = [
        {
            "table": before.table,
            "partition": before.partition,
            "cursor_before": before.cursor,
            "cursor_after": cursor,
            "abandoned_load": before.open_load.load_id if before.open_load else None,
        }
        for before, cursor in changes
    ]
    return _changes(lines, data, applied=applied)


def of_import(changes: Sequence[tuple[TableState, TableState]], *, applied: bool) -> Report:
    """Tables that are put where an export has them, each with where it stood."""
    lines = [
        f"{_moved(before, after.cursor)} Version {before.version} -> {max(before.version, after.version)}."
        f" Open load: {_progress(before.open_load)} -> {_progress(after.open_load)}."
        for before, after in changes
    ]
    data = [{"before": _brief(before), "after": _brief(after)} for before, after in changes]
    return _changes(lines, data, applied=applied)


def of_rebuild(before: TableState, rebuilt: Rebuilt, *, applied: bool) -> Report:
    """A lost cursor, found by comparing."""
    compared = rebuilt.compared
    put = applied and compared.is_mended
    lines = [compared.says]
    if not applied:
        lines += ["With --apply, what differs is loaded again, and then:"] if not compared.is_equal else []
        lines.append(_moved(before, rebuilt.cursor))
    elif put:
        lines.append(_moved(before, rebuilt.cursor))
    else:
        lines.append(f"{before.table}: the cursor was not set. Load the table in full.")
    data = {
        "table": before.table,
        "cursor_before": before.cursor,
        "cursor_after": rebuilt.cursor if put or not applied else before.cursor,
        "equal": compared.is_equal,
        "loaded_again": compared.repaired,
    }
    return _changes(lines, [data], applied=put)


def of_reread(name: str, window: Window, *, at_source: int, result: SyncResult | None) -> Report:
    """A range that is, or would be, read once more."""
    values = f"{_or_dash(window.lower)} to {_or_dash(window.upper)}"
    lines = [f"{name}: {at_source:,} rows with {window.cursor} from {values} at the source."]
    if result is not None:
        lines.append(
            f"{result.moved.rows:,} were loaded again; the cursor stays at {_or_dash(result.cursor_after)}."
        )
    data = {
        "table": name,
        "rows_at_source": at_source,
        "rows_loaded": result.moved.rows if result else None,
    }
    return _changes(lines, [data], applied=result is not None)


def of_release(name: str, held: Sequence[LockRecord], *, applied: bool) -> Report:
    """A lock that is taken away, if there is one."""
    lines = [f"{name}: the lock of {_holder(lock)} is taken away." for lock in held]
    return _changes(lines or [f"{name} is not locked."], [asdict(lock) for lock in held], applied=applied)


def of_prune(count: int, before: datetime, *, applied: bool) -> Report:
    """How many ledgers go."""
    line = f"{count} load(s) that were opened before {_moment(before)} are removed with their ledgers."
    return _changes([line], [{"loads": count, "before": before}], applied=applied)


def _changes(lines: list[str], changes: list[dict[str, Any]], *, applied: bool) -> Report:
    ending = [NOT_APPLIED] if changes and not applied else []
    return Report("\n".join([*lines, *ending]), {"applied": applied, "changes": changes})


def _moved(before: TableState, cursor: str | None) -> str:
    name = for_people(before.table, before.partition)
    return f"{name}: cursor {_or_dash(before.cursor)} -> {_or_dash(cursor)}."


def _abandoned(load: Load | None) -> str:
    return f" Load {_progress(load)} is abandoned." if load else ""


def _brief(state: TableState) -> dict[str, Any]:
    """A state with its open load's progress in the ledger's place, which may be ten thousand lines."""
    data = asdict(state)
    if load := state.open_load:
        data["open_load"]["chunks"] = {status.value: _count(load, status) for status in ChunkStatus}
    return data


def _load_facts(load: Load | None) -> list[tuple[str, str]]:
    if load is None:
        return [("open load", "-")]
    return [
        ("open load", _progress(load)),
        ("kind", load.kind),
        ("window", str(load.window)),
        ("advances to", _or_dash(load.advance_to)),
        ("staging", load.staging or "-"),
        ("opened", _moment(load.created_at)),
        *(
            (f"chunk {chunk.index}", f"{chunk.status}, {chunk.rows} rows, {chunk.key_range}")
            for chunk in load.chunks
        ),
    ]


def _progress(load: Load | None) -> str:
    return f"{load.load_id} ({_count(load, ChunkStatus.DONE)} of {len(load.chunks)} chunks)" if load else "-"


def _count(load: Load, status: ChunkStatus) -> int:
    return sum(chunk.status is status for chunk in load.chunks)


def _holder(lock: LockRecord) -> str:
    return f"{lock.owner}, last heard of {_moment(lock.heartbeat_at)}, expires {_moment(lock.expires_at)}"


def _moment(moment: datetime | None) -> str:
    return f"{moment:%F %T} UTC" if moment else "-"


def _or_dash(value: str | int | None) -> str:
    if value is None:
        return "-"
    text = str(value)
    return text if text.isprintable() else ascii(text)  # a cursor may hold what moves a terminal's own


def _columns(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(map(str.ljust, line, widths)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)
