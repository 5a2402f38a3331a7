"""What a server's facts are judged to mean. No server is asked."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from dagster_pipeline.alerts.watched_table import WatchedTable
from dagster_pipeline.connectors.server_facts import Disk, MissingGrant, ServerFacts, measured_skew
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.doctor.deadline import examine_all
from dagster_pipeline.doctor.diagnosis import Diagnosis, Level
from dagster_pipeline.doctor.judgement import is_local, of_daemons, of_lateness, of_server
from dagster_pipeline.doctor.supported import version_of
from dagster_pipeline.errors import ConfigurationError, RetriableError

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def judged(facts: ServerFacts, check: str, *, is_local: bool = True) -> Diagnosis | None:
    return next((one for one in of_server("source", facts, is_local=is_local) if one.check == check), None)


@pytest.mark.parametrize(
    ("product", "version", "level"),
    [
        ("MariaDB", "10.3.39-MariaDB", Level.FAIL),
        ("MariaDB", "5.5.5-10.11.6-MariaDB-1", Level.OK),
        ("MySQL", "5.7.44", Level.FAIL),
        ("MySQL", "8.0.36", Level.OK),
        ("MySQL", "9.2.0", Level.WARN),
        ("PostgreSQL", "12.20", Level.FAIL),
        ("PostgreSQL", "17.2 (Debian 17.2-1)", Level.OK),
        ("PostgreSQL", "19devel", Level.WARN),
        ("ClickHouse", "23.8.1.94", Level.FAIL),
        ("ClickHouse (embedded)", "26.9.2.1", Level.OK),
    ],
)
def test_versions_outside_the_range_are_named(product: str, version: str, level: Level) -> None:
    found = judged(ServerFacts(product, version), "version")
    assert found is not None
    assert found.level is level


def test_versions_are_read_as_servers_print_them() -> None:
    assert [version_of(text) for text in ("16beta1", "8.4.3-0ubuntu1", "nonsense")] == [
        (16, 0),
        (8, 4),
        (0, 0),
    ]


@pytest.mark.parametrize(
    ("skew", "uncertainty", "level"),
    [
        (0.3, 0.01, Level.OK),
        (-3.0, 0.01, Level.WARN),
        (3.0, 2.5, Level.OK),  # the answer took five seconds: nothing is known better
        (61.0, 0.01, Level.FAIL),
    ],
)
def test_clocks_that_disagree_are_named(skew: float, uncertainty: float, level: Level) -> None:
    found = judged(ServerFacts("MySQL", "8.4", skew=skew, uncertainty=uncertainty), "clock")
    assert found is not None
    assert found.level is level


def test_skew_is_measured_against_the_middle_of_the_question() -> None:
    skew, uncertainty = measured_skew(lambda: time.time() + 100)
    assert skew == pytest.approx(100, abs=uncertainty + 0.001)


def test_a_disk_that_fills_warns_and_then_fails() -> None:
    levels = [
        found.level
        for free in (50, 10, 4)
        if (found := judged(ServerFacts("MySQL", "8.4", disks=(Disk("d", free, 100),)), "disk"))
    ]
    assert levels == [Level.OK, Level.WARN, Level.FAIL]


def test_a_missing_grant_is_said_with_its_cure() -> None:
    grant = MissingGrant("SELECT on a.b", "its rows cannot be read", "GRANT SELECT ON a.b TO u;")
    found = judged(ServerFacts("MySQL", "8.4", missing=(grant,)), "grant")
    assert found is not None
    assert str(found) == (
        "fail source                  grant       SELECT on a.b is missing: its rows cannot be read."
        " GRANT SELECT ON a.b TO u;"
    )


def test_a_connection_in_the_clear_matters_between_machines_only() -> None:
    facts = ServerFacts("MySQL", "8.4", encrypted=False)
    assert judged(facts, "tls", is_local=True) is None
    found = judged(facts, "tls", is_local=False)
    assert found is not None
    assert found.level is Level.WARN
    hosts = {"127.0.0.1": True, "[::1]": True, "localhost": True, "db.example.com": False, "10.0.0.1": False}
    for host, local in hosts.items():
        url = DatabaseUrl.parse(f"mysql://u@{host}/d", variable="V", schemes=())
        assert is_local(url) is local


def test_late_tables_are_named_and_others_are_counted() -> None:
    tables = [
        WatchedTable("a/late", freshness=timedelta(minutes=30)),
        WatchedTable("a/fresh", freshness=timedelta(hours=2)),
        WatchedTable("a/never", freshness=timedelta(hours=2)),
        WatchedTable("a/unwatched"),
    ]
    loaded = {name: NOW - timedelta(hours=1) for name in ("a/late", "a/fresh", "a/unwatched")}
    found = list(of_lateness(tables, loaded, now=NOW))
    assert [(one.subject, one.level) for one in found] == [("a/late", Level.FAIL), ("a/never", Level.WARN)]
    assert "60 min ago; freshness allows 30m" in found[0].what
    (fine,) = of_lateness(tables[1:2], loaded, now=NOW)
    assert fine.level is Level.OK


def test_a_daemon_that_fell_silent_fails_and_one_that_never_was_warns() -> None:
    assert [one.level for one in of_daemons({"SCHEDULER": None, "SENSOR": None})] == [Level.WARN]
    assert [one.level for one in of_daemons({"SCHEDULER": 20.0, "SENSOR": 30.0})] == [Level.OK]
    (silent,) = of_daemons({"SCHEDULER": 900.0, "SENSOR": 20.0})
    assert silent.level is Level.FAIL
    assert "SCHEDULER for 15 min" in silent.what


def test_nobody_is_waited_for_longer_than_allowed() -> None:
    def refused() -> list[Diagnosis]:
        raise ConfigurationError("Wrong password.", todo="Correct it.")

    def unreachable() -> list[Diagnosis]:
        raise RetriableError("Out of reach.")

    def silent() -> list[Diagnosis]:
        time.sleep(600)
        return []

    def well() -> list[Diagnosis]:
        return [Diagnosis("well", "connection", Level.OK, "It answers.")]

    began = time.monotonic()
    found = examine_all(
        {"silent": silent, "refused": refused, "unreachable": unreachable, "well": well}, seconds=2
    )
    assert time.monotonic() - began < 60  # of 600; a busy machine may lose seconds
    assert [(one.subject, one.level) for one in found] == [
        ("silent", Level.FAIL), ("refused", Level.FAIL), ("unreachable", Level.FAIL), ("well", Level.OK),
    ]  # fmt: skip
    assert found[0].what == "No answer within 2 s."
    assert found[1].todo == "Correct it."
