"""`alerts.yml`: what it may say, and every mistake in it with line, column and cure."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dagster_pipeline.alerts.alert import Channel, Severity
from dagster_pipeline.alerts.rules import AlertRules, QuietHours
from dagster_pipeline.alerts.rules_file import load_rules
from dagster_pipeline.alerts.watched_table import WatchedTable
from dagster_pipeline.errors import SchemaFilesError

TABLES = (WatchedTable("shop/orders", owners=("team:shop",), tags={"domain": "billing"}, group="shop"),)

IN_ROUTE = "version: 1\nroutes:\n  - match: {{{match}}}\n    send_to: []"
QUIET = "version: 1\nquiet_hours: {{{hours}}}"
MISTAKES = [
    ("", ":1: The file is empty. Begin with `version: 1` and `routes:`, or remove it."),
    ("a: b: c", "This is not valid YAML"),
    ("version: 2", ":1:1: `version` is '2', which is no version of the file format. Write version: 1."),
    ("version: 1\nrutes: []", ":2:1: `rutes` is not a key of alerts.yml. Did you mean 'routes'?"),
    ("version: 1\nroutes: []", ":2:1: `routes` is an empty list."),
    ("version: 1\nroutes: [slack]", ":2:10: `routes[0]` is 'slack', but must be a map of keys."),
    (
        "version: 1\nroutes:\n  - send_to: [slak]",
        ":3:15: `routes[0].send_to[0]` is 'slak'; allowed are slack and email.",
    ),
    ("version: 1\nroutes:\n  - match: {}", ":3:5: `routes[0].send_to` is missing."),
    ("version: 1\nrepeat_after: 10s", "`repeat_after` is 10s, which is too short. The shortest is 1m."),
    ("version: 1\nrepeated_failures: 1", "`repeated_failures` is too small. The least is 2."),
    ("version: 1\nescalate: {send_to: [email]}", ":2:1: `escalate.after` is missing."),
    (
        QUIET.format(hours='from: 22:00, to: "07:00"'),
        ":2:21: `22:00` is read as different values by different YAML readers.",
    ),
    (QUIET.format(hours='from: "7", to: "07:00"'), "`quiet_hours.from` is '7', which is no time of day."),
    (QUIET.format(hours='from: "07:00", to: "07:00"'), "`quiet_hours` begins and ends at the same time."),
    (
        QUIET.format(hours='from: "22:00", to: "07:00", timezone: Europe/Berln'),
        "Did you mean 'Europe/Berlin'?",
    ),
    (
        IN_ROUTE.format(match="groups: [shp]"),
        ":3:22: No table file has the group 'shp'. Did you mean 'shop'?",
    ),
    (IN_ROUTE.format(match='owners: ["team:shp"]'), "has the owner 'team:shp'. Did you mean 'team:shop'?"),
    (IN_ROUTE.format(match="tags: {domain: biling}"), ":3:20: No table file has the tag 'domain: biling'."),
    (
        IN_ROUTE.format(match="tables: [shop.orders]"),
        "No table is called 'shop.orders'. Did you mean 'shop/orders'?",
    ),
    (
        "version: 1\nroutes:\n  - send_to: []\n  - send_to: [slack]",
        ":4:5: No alert comes this far: routes[0] takes all.",
    ),
    (
        'version: 1\nroutes:\n  - send_to: [email]\n    slack_channel: "#x"',
        ":4:5: `routes[0].slack_channel` is given, and `send_to` does not name slack.",
    ),
    (
        'version: 1\nroutes:\n  - send_to: [slack]\n    slack_channel: "x y"',
        "is 'x y', which is no Slack channel.",
    ),
    (
        "version: 1\nroutes:\n  - send_to: [email]\n    email_to: [nobody]",
        "is 'nobody', which is no e-mail address.",
    ),
]


def load(tmp_path: Path, text: str) -> AlertRules:
    file = tmp_path / "alerts.yml"
    file.write_text(textwrap.dedent(text).lstrip("\n"))
    return load_rules(file, TABLES)


def test_without_the_file_everything_goes_to_every_channel(tmp_path: Path) -> None:
    rules = load_rules(tmp_path / "alerts.yml", TABLES)
    assert [route.send_to for route in rules.routes] == [(Channel.SLACK, Channel.EMAIL)]


def test_a_whole_file(tmp_path: Path) -> None:
    rules = load(
        tmp_path,
        """
        version: 1
        repeat_after: 90m
        repeated_failures: 4
        storm: {tables: 10, within: 5m}
        quiet_hours: {from: "22:00", to: "07:00", timezone: Europe/Berlin, let_through: [error, critical]}
        escalate: {after: 4h, send_to: [email], email_to: [boss@example.com]}
        routes:
          - name: billing
            match:
              severity: [error, critical]
              kind: [run_failure, late]
              tables: [shop/*]
              tags: {domain: billing}
              owners: ["team:shop"]
              groups: [shop]
            send_to: [slack, email]
            slack_channel: "#billing"
          - send_to: [slack]
        """,
    )
    assert rules.repeat_after.total_seconds() == 5400
    assert rules.quiet_hours is not None
    assert rules.quiet_hours.let_through == (Severity.ERROR, Severity.CRITICAL)
    assert rules.routes[0].slack_channel == "#billing"
    assert rules.escalation_of(0) == rules.escalate


@pytest.mark.parametrize(
    ("text", "said"),
    MISTAKES,
)
def test_a_mistake_is_told_with_its_place_and_its_cure(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SchemaFilesError) as caught:
        load(tmp_path, text)
    assert f"alerts.yml{said}" in str(caught.value) if said.startswith(":") else said in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SchemaFilesError) as caught:
        load(tmp_path, "version: 1\nrepeat_after: soon\nroutes:\n  - send_to: [slak]\n  - sendto: [slack]")
    assert len(caught.value.problems) >= 3


@pytest.mark.parametrize(
    ("hour", "minute", "quiet"),
    [
        (20, 59, False),
        (21, 0, True),
        (23, 0, True),
        (0, 0, True),
        (5, 59, True),
        (6, 0, False),
        (12, 0, False),
    ],
)
def test_quiet_hours_go_over_midnight_by_the_zones_clock(hour: int, minute: int, quiet: bool) -> None:
    hours = QuietHours.model_validate({"from": "22:00", "to": "07:00", "timezone": "Europe/Berlin"})
    winter = datetime(2026, 1, 15, hour, minute, tzinfo=UTC)
    assert hours.holds_back(Severity.ERROR, winter) is quiet
    assert not hours.holds_back(Severity.CRITICAL, winter)


def test_quiet_hours_follow_summer_time() -> None:
    hours = QuietHours.model_validate({"from": "22:00", "to": "07:00", "timezone": "Europe/Berlin"})
    assert hours.holds_back(Severity.ERROR, datetime(2026, 1, 15, 5, 30, tzinfo=UTC))
    assert not hours.holds_back(Severity.ERROR, datetime(2026, 7, 15, 5, 30, tzinfo=UTC))
