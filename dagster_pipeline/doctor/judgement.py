"""What follows from a server's facts: pure, with every limit in one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address

from dagster_pipeline.alerts.watched_table import WatchedTable
from dagster_pipeline.connectors.server_facts import Disk, MissingGrant, ServerFacts
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.doctor.diagnosis import Diagnosis, Level
from dagster_pipeline.doctor.supported import RANGES, version_of
from dagster_pipeline.schema.duration import format_duration

SKEW_WARN_SECONDS = 2.0
SKEW_FAIL_SECONDS = 60.0
"""From a minute on a source's rows count as written in the future, which a run also says."""
DISK_WARN_SHARE = 0.15
DISK_FAIL_SHARE = 0.05
SILENT_DAEMON_SECONDS = 300.0


def is_local(url: DatabaseUrl) -> bool:
    """The server is on this machine, so nobody listens on the way to it."""
    try:
        return ip_address(url.host).is_loopback
    except ValueError:
        return url.host in {"", "localhost"} or url.host.startswith("/")


def of_server(
    subject: str, facts: ServerFacts, *, is_local: bool, examines_rights: bool = True
) -> Iterator[Diagnosis]:
    """Everything that one server's facts say."""
    known = {"product": facts.product, "version": facts.version}
    answers = f"{facts.product} {facts.version}".strip()
    yield Diagnosis(subject, "connection", Level.OK, f"{answers} answers.", facts=known)
    yield from _version(subject, facts)
    yield from _encryption(subject, facts, is_local=is_local)
    yield from _clock(subject, facts)
    if examines_rights:
        yield from _grants(subject, facts)
    yield from of_disks(subject, facts.disks)
    for note in facts.notes:
        yield Diagnosis(subject, "examination", Level.WARN, note)


def of_disks(subject: str, disks: Iterable[Disk]) -> Iterator[Diagnosis]:
    """One for each disk."""
    for disk in disks:
        share = disk.free / disk.total if disk.total else 1.0
        level = Level.FAIL if share < DISK_FAIL_SHARE else Level.WARN if share < DISK_WARN_SHARE else Level.OK
        yield Diagnosis(
            subject,
            "disk",
            level,
            f"{disk.name}: {disk.free / 2**30:.1f} GiB of {disk.total / 2**30:.1f} GiB are free ({share:.0%}).",
            "" if level is Level.OK else "Free space or enlarge it: a full disk stops every load.",
            {"disk": disk.name, "free_bytes": disk.free, "total_bytes": disk.total},
        )


def of_lateness(
    tables: Sequence[WatchedTable], loaded: Mapping[str, datetime], *, now: datetime
) -> Iterator[Diagnosis]:
    """Tables whose last success is older than their `freshness`; one line when none is."""
    late = 0
    watched = [table for table in tables if table.freshness is not None]
    for table in watched:
        last, allowed = loaded.get(table.name), table.freshness
        if last is None:
            late += 1
            yield Diagnosis(
                table.name,
                "freshness",
                Level.WARN,
                "It was never loaded.",
                "Materialize it, and switch its schedule on.",
            )
        elif allowed is not None and now - last > allowed:
            late += 1
            age = (now - last).total_seconds()
            yield Diagnosis(
                table.name,
                "freshness",
                Level.FAIL,
                f"Its last success was {age / 60:.0f} min ago; freshness allows {format_duration(allowed)}.",
                "See its schedule, the daemon, the run queue, and its last run's error.",
                {"age_seconds": age, "freshness_seconds": allowed.total_seconds()},
            )
    if not late:
        yield Diagnosis(
            "tables", "freshness", Level.OK, f"None of {len(watched)} table(s) with freshness is late."
        )


def of_daemons(ages: Mapping[str, float | None]) -> Iterator[Diagnosis]:
    """Dagster's daemons by the age of their heartbeats in seconds, `None` for one that never reported."""
    if not ages or all(age is None for age in ages.values()):
        yield Diagnosis(
            "dagster",
            "daemon",
            Level.WARN,
            "No daemon has ever reported to this instance, so no schedule runs.",
            "Start `dagster-daemon run`.",
        )
        return
    silent = {name: age for name, age in ages.items() if age is not None and age > SILENT_DAEMON_SECONDS}
    if silent:
        named = ", ".join(f"{name} for {age / 60:.0f} min" for name, age in sorted(silent.items()))
        yield Diagnosis(
            "dagster",
            "daemon",
            Level.FAIL,
            f"Silent: {named}.",
            "Restart the daemon's service, and read its log.",
            {"silent": sorted(silent)},
        )
    else:
        yield Diagnosis("dagster", "daemon", Level.OK, "The daemon reports.")


def _version(subject: str, facts: ServerFacts) -> Iterator[Diagnosis]:
    product = facts.product.partition(" (")[0]
    if product not in RANGES:
        return
    supported, version = RANGES[product], version_of(facts.version)
    oldest, newest = (".".join(map(str, edge)) for edge in (supported.oldest, supported.newest))
    newest = newest.removesuffix(".99")
    if version < supported.oldest:
        yield Diagnosis(
            subject,
            "version",
            Level.FAIL,
            f"{product} {facts.version} is too old: {oldest} is the oldest that is supported ({supported.why}).",
            "Upgrade the server.",
        )
    elif version > supported.newest:
        yield Diagnosis(
            subject,
            "version",
            Level.WARN,
            f"{product} {facts.version} is newer than what was tried ({newest}).",
        )
    else:
        yield Diagnosis(subject, "version", Level.OK, f"{product} {oldest} to {newest} are supported.")


def _encryption(subject: str, facts: ServerFacts, *, is_local: bool) -> Iterator[Diagnosis]:
    if facts.encrypted:
        yield Diagnosis(subject, "tls", Level.OK, "The connection is encrypted.")
    elif facts.encrypted is False and not is_local:
        yield Diagnosis(
            subject,
            "tls",
            Level.WARN,
            "The connection to another machine is not encrypted.",
            "docs/security.md says which options of the address turn TLS on.",
        )


def _clock(subject: str, facts: ServerFacts) -> Iterator[Diagnosis]:
    if facts.skew is None:
        return
    certain = max(abs(facts.skew) - facts.uncertainty, 0.0)
    level = (
        Level.FAIL if certain > SKEW_FAIL_SECONDS else Level.WARN if certain > SKEW_WARN_SECONDS else Level.OK
    )
    direction = "ahead of" if facts.skew > 0 else "behind"
    what = (
        f"Its clock is {abs(facts.skew):.1f} s {direction} this machine's."
        if level is not Level.OK
        else f"Its clock agrees with this machine's (within {max(abs(facts.skew), facts.uncertainty):.2f} s)."
    )
    todo = "" if level is Level.OK else "Let both machines follow a time server."
    numbers = {"skew_seconds": round(facts.skew, 3), "uncertainty_seconds": round(facts.uncertainty, 3)}
    yield Diagnosis(subject, "clock", level, what, todo, numbers)


def of_missing(subject: str, grant: MissingGrant) -> Diagnosis:
    """A right that our user does not have, with the statement that gives it."""
    return Diagnosis(
        subject,
        "grant",
        Level.FAIL if grant.required else Level.WARN,
        f"{grant.what} is missing: {grant.why}.",
        grant.statement,
        {"missing": grant.what, "statement": grant.statement},
    )


def _grants(subject: str, facts: ServerFacts) -> Iterator[Diagnosis]:
    for grant in facts.missing:
        yield of_missing(subject, grant)
    for table in facts.absent:
        yield Diagnosis(
            subject,
            "table",
            Level.FAIL,
            f"{table} does not exist, or may not be seen.",
            "Correct source.database and source.table in its file, or grant SELECT on it.",
        )
    if not facts.missing and not facts.absent:
        yield Diagnosis(subject, "grant", Level.OK, "Every right that loads need is there.")
