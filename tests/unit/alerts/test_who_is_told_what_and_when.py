"""Alerts as people live through them: once, counted, in storms, at night, for too long, and well again."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_pipeline.alerts.alert import AlertKind, Channel, Severity
from dagster_pipeline.alerts.watched_table import WatchedTable
from tests.unit.alerts.house import House, rules

TABLE = "shop/orders"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "state.sqlite")


def test_a_failure_is_told_with_table_cause_next_step_run_owner_and_last_success(house: House) -> None:
    house.tables = (WatchedTable(TABLE, owners=("team:shop",)),)
    house.fails(TABLE)
    (delivery,) = house.slack.got
    message = delivery.message
    assert message.title == "shop/orders: run failed"
    assert message.severity is Severity.ERROR
    (part,) = message.parts
    assert part.sentence == "shop/orders: The warehouse does not answer."
    assert part.next_step == "Start the warehouse."
    facts = {fact.label: (fact.text, fact.link) for fact in part.facts}
    assert facts["Owner"] == ("team:shop", "")
    assert facts["Last success"] == ("never", "")
    assert facts["Run"] == ("01234567", "http://dagster.example.com/runs/0123456789abcdef")
    assert facts["Table"] == (TABLE, "http://dagster.example.com/assets/shop/orders")


def test_the_same_cause_is_told_once_an_hour_and_then_with_a_count(house: House) -> None:
    house.rules = rules(repeated_failures=100)
    for _ in range(12):
        house.fails(TABLE)
        house.later(minutes=4)
    assert house.slack.titles == ["shop/orders: run failed"]
    house.later(minutes=13)
    house.tick()
    assert house.slack.titles[1:] == ["shop/orders: run failed again (11 times)"]
    house.later(hours=2)
    house.tick()
    assert len(house.slack.got) == 2, "nothing happened since, so nothing is told"


def test_another_cause_is_told_at_once(house: House) -> None:
    house.fails(TABLE)
    house.later(minutes=1)
    house.fails(TABLE, cause="Column 'x' is gone.")
    assert [delivery.message.parts[0].sentence for delivery in house.slack.got] == [
        "shop/orders: The warehouse does not answer.",
        "shop/orders: Column 'x' is gone.",
    ]


def test_three_failures_in_a_row_are_critical(house: House) -> None:
    for _ in range(3):
        house.fails(TABLE)
        house.later(minutes=5)
    assert house.slack.titles == ["shop/orders: run failed", "shop/orders failed 3 times in a row"]
    assert house.slack.got[1].message.severity is Severity.CRITICAL


def test_a_success_in_between_starts_the_row_anew(house: House) -> None:
    for _ in range(2):
        house.fails(TABLE)
        house.later(minutes=1)
    house.succeeds(TABLE)
    house.later(minutes=1)
    house.fails(TABLE)
    assert not [title for title in house.slack.titles if "in a row" in title]


def test_a_recovery_says_how_long_it_was_red_and_goes_where_the_trouble_was_told(house: House) -> None:
    house.rules = rules(
        routes=[{"match": {"severity": ["error"]}, "send_to": ["email"]}, {"send_to": ["slack"]}]
    )
    house.fails(TABLE)
    house.later(hours=2, minutes=14)
    house.succeeds(TABLE)
    assert house.email.titles == ["shop/orders: run failed", "shop/orders is well again"]
    assert "red for 2h14m" in house.email.got[1].message.parts[0].sentence
    assert house.email.got[1].message.severity is Severity.INFO
    assert not house.slack.got
    house.later(minutes=15)
    house.succeeds(TABLE)
    assert len(house.email.got) == 2


def test_a_table_that_flaps_is_told_once_and_then_counted(house: House) -> None:
    for _ in range(5):
        house.fails(TABLE)
        house.later(minutes=2)
        house.succeeds(TABLE)
        house.later(minutes=2)
    assert house.slack.titles == ["shop/orders: run failed", "shop/orders is well again"]
    house.later(hours=1)
    house.tick()
    assert house.slack.titles[2:] == ["shop/orders: run failed again (4 times)"]
    assert "It is well again since" in house.slack.got[2].message.parts[0].sentence


def test_fifty_failing_tables_are_one_message_that_names_the_common_cause(house: House) -> None:
    names = [f"shop/t{number}" for number in range(50)]
    house.fails(*names)
    (delivery,) = house.slack.got
    assert delivery.message.title == "50 tables fail, one cause: The warehouse does not answer."
    (part,) = delivery.message.parts
    assert part.next_step == "Start the warehouse."
    assert len(part.tables) == 31
    assert part.tables[-1] == "and 20 more"
    house.later(minutes=20)
    house.succeeds(*names)
    assert house.slack.titles[1:] == ["50 tables are well again"]


def test_a_storm_that_comes_table_by_table_is_told_in_few_messages(house: House) -> None:
    for number in range(50):
        house.fails(f"shop/t{number}")
        house.later(seconds=10)
    assert house.slack.titles[:4] == [f"shop/t{number}: run failed" for number in range(4)]
    assert len(house.slack.got) == 5, "the fifth begins the storm, the others wait for its end"
    house.later(minutes=10)
    house.tick()
    assert house.slack.titles[5] == "45 tables fail, one cause: The warehouse does not answer."


def test_another_cause_is_told_at_once_in_a_storm(house: House) -> None:
    house.fails(*(f"shop/t{number}" for number in range(10)))
    house.later(minutes=1)
    house.fails("shop/other", cause="Column 'x' is gone.")
    assert house.slack.titles[1:] == ["shop/other: run failed"]


def test_a_digest_puts_the_cause_of_the_most_tables_first(house: House) -> None:
    many = [house.failure(f"shop/t{number}") for number in range(6)]
    few = [house.failure(f"crm/t{number}", cause="The disk is full.") for number in range(2)]
    house.happens(*few, *many)
    (delivery,) = house.slack.got
    assert delivery.message.title == "8 tables fail, 2 causes"
    assert [part.sentence for part in delivery.message.parts] == [
        "6 tables: The warehouse does not answer.",
        "2 tables: The disk is full.",
    ]


def test_quiet_hours_hold_back_until_the_zones_morning_but_not_what_is_critical(house: House) -> None:
    quiet = {"from": "22:00", "to": "07:00", "timezone": "Europe/Berlin"}
    house.rules = rules(quiet_hours=quiet)
    house.now = house.now.replace(hour=21, minute=30)  # 22:30 in Berlin
    house.fails(TABLE)
    house.fails("shop/burning", severity=Severity.CRITICAL)
    assert house.slack.titles == ["shop/burning: run failed"]
    house.later(hours=8, minutes=29)
    house.tick()
    assert len(house.slack.got) == 1
    house.later(minutes=1)
    house.tick()
    assert house.slack.titles[1:] == ["shop/orders: run failed"]


def test_what_failed_and_recovered_in_quiet_hours_is_told_in_the_morning_as_over(house: House) -> None:
    house.rules = rules(quiet_hours={"from": "11:00", "to": "13:00"})
    house.fails(TABLE)
    house.later(minutes=10)
    house.succeeds(TABLE)
    assert not house.slack.got
    house.later(hours=1)
    house.tick()
    (delivery,) = house.slack.got
    assert "It is well again since 2026-03-02 12:10 UTC" in delivery.message.parts[0].sentence


def test_a_table_that_stays_red_is_escalated_once_to_others(house: House) -> None:
    escalate = {"after": "2h", "send_to": ["email"], "email_to": ["boss@example.com"]}
    house.rules = rules(escalate=escalate)
    house.fails(TABLE)
    house.later(hours=1, minutes=59)
    house.tick()
    assert not house.email.got
    house.later(minutes=1)
    house.tick()
    house.later(hours=3)
    house.tick()
    (delivery,) = house.email.got
    assert delivery.message.title == "shop/orders has been red for 2h"
    assert delivery.email_to == ("boss@example.com",)


@pytest.mark.parametrize(
    ("match", "taken"),
    [
        ({"severity": ["error"]}, True),
        ({"severity": ["warning", "critical"]}, False),
        ({"kind": ["run_failure"]}, True),
        ({"kind": ["late"]}, False),
        ({"tags": {"domain": "billing"}}, True),
        ({"tags": {"domain": "billing", "tier": "gold"}}, False),
        ({"owners": ["team:shop"]}, True),
        ({"owners": ["team:crm"]}, False),
        ({"groups": ["shop", "crm"]}, True),
        ({"groups": ["crm"]}, False),
        ({"tables": ["shop/*"]}, True),
        ({"tables": ["crm/*"]}, False),
        ({"groups": ["shop"], "severity": ["info"]}, False),
    ],
)
def test_the_first_route_that_takes_an_alert_is_the_only_one(
    house: House, match: dict[str, object], taken: bool
) -> None:
    house.tables = (WatchedTable(TABLE, owners=("team:shop",), tags={"domain": "billing"}, group="shop"),)
    house.rules = rules(routes=[{"match": match, "send_to": ["email"]}, {"send_to": ["slack"]}])
    house.fails(TABLE)
    assert (len(house.email.got), len(house.slack.got)) == ((1, 0) if taken else (0, 1))


def test_a_route_to_nobody_is_silent_for_good(house: House) -> None:
    house.rules = rules(
        routes=[{"match": {"tables": ["shop/*"]}, "send_to": []}, {"send_to": ["slack"]}],
        repeated_failures=2,
    )
    for _ in range(4):
        house.fails(TABLE)
        house.later(hours=2)
    house.succeeds(TABLE)
    assert not house.slack.got


def test_a_recovery_goes_to_every_route_that_was_told(house: House) -> None:
    routes = [
        {"match": {"kind": ["repeated_failure"]}, "send_to": ["slack"], "slack_channel": "#night"},
        {"send_to": ["slack"]},
    ]
    house.rules = rules(routes=routes, repeated_failures=2)
    house.fails(TABLE)
    house.later(minutes=1)
    house.fails(TABLE)
    house.later(minutes=1)
    house.succeeds(TABLE)
    told = [(delivery.message.title, delivery.slack_channel) for delivery in house.slack.got]
    assert sorted(told[2:]) == [("shop/orders is well again", ""), ("shop/orders is well again", "#night")]


def test_two_causes_at_the_same_moment_are_two_messages(house: House) -> None:
    house.happens(house.failure(TABLE), house.failure(TABLE, cause="The disk is full."))
    assert len({delivery.message.message_id for delivery in house.slack.got}) == 2


def test_a_table_that_is_late_because_its_runs_fail_is_told_as_failing_only(house: House) -> None:
    house.fails(TABLE)
    house.later(minutes=30)
    house.happens(house.failure(TABLE, kind=AlertKind.LATE, cause="late"))
    assert house.slack.titles == ["shop/orders: run failed"]
    house.happens(house.failure("shop/other", kind=AlertKind.LATE, cause="late"))
    assert house.slack.titles[1:] == ["shop/other: is late"]


def test_a_table_that_nobody_loads_any_more_is_forgotten_after_a_month(house: House) -> None:
    house.fails(TABLE)
    for days, remembered in ((29, True), (2, False)):
        house.later(days=days)
        house.tick()
        with house.store() as store:
            assert bool(house.manager(store).plan().incidents) is remembered


def test_a_failing_channel_is_stood_in_for_by_the_other(house: House) -> None:
    house.slack.broken = True
    house.fails(TABLE, "shop/customers")
    assert house.email.titles == ["shop/orders: run failed", "shop/customers: run failed"]
    assert house.email.got[0].message.notes == ("Sent by email, since slack did not take it.",)
    house.slack.broken = False
    house.later(hours=3)
    house.tick()
    assert not house.slack.got, "told once is told"


def test_a_message_to_both_channels_waits_for_the_one_that_fails(house: House) -> None:
    house.rules = rules(routes=[{"send_to": ["slack", "email"]}])
    house.slack.broken = True
    house.fails(TABLE)
    assert (len(house.slack.got), len(house.email.got)) == (0, 1)
    house.slack.broken = False
    house.later(minutes=1)
    house.tick()
    assert (len(house.slack.got), len(house.email.got)) == (1, 1)


def test_nothing_is_lost_when_no_channel_works_for_hours(house: House) -> None:
    house.slack.broken = house.email.broken = True
    house.fails(TABLE)
    for _ in range(20):
        house.later(minutes=20)
        house.tick()
    house.slack.broken = False
    house.later(minutes=20)
    house.tick()
    assert house.slack.titles == ["shop/orders: run failed"]


def test_without_any_channel_a_message_ends_in_the_tick_and_does_not_pile_up(house: House) -> None:
    house.happens(house.failure(TABLE))
    house.slack.got.clear()
    with house.store() as store:
        manager = house.manager(store)
        assert manager.take("other", before=None, after="1", observations=[house.failure("shop/customers")])
        manager.plan()
        delivered = manager.deliver({}, seconds=5)
    assert delivered.sent == 0
    assert "was told nobody: shop/customers: run failed" in delivered.problems[0]
    house.tick()
    assert not house.slack.got


def test_a_process_that_died_before_it_sent_is_replaced_and_nothing_is_doubled(house: House) -> None:
    with house.store() as store:
        house.manager(store).take("runs", before=None, after="1", observations=[house.failure(TABLE)])
    with house.store() as store:
        house.manager(store).plan()
    house.tick()
    house.tick()
    assert house.slack.titles == ["shop/orders: run failed"]


def test_a_process_that_died_while_it_sent_is_replaced_after_its_claim_and_says_so(house: House) -> None:
    with house.store() as store:
        house.manager(store).take("runs", before=None, after="1", observations=[house.failure(TABLE)])
        house.manager(store).plan()
        assert store.claim("the dead process", seconds=60) is not None
    house.tick()
    assert not house.slack.got, "the claim may belong to a process that is just slow"
    house.later(seconds=61)
    house.tick()
    (delivery,) = house.slack.got
    assert delivery.message.notes[0].startswith("This may be a repetition")
    house.later(minutes=5)
    house.tick()
    assert len(house.slack.got) == 1


def test_two_watchers_at_once_note_what_they_saw_once(house: House) -> None:
    with house.store() as first, house.store() as second:
        seen = [house.failure(TABLE)]
        assert house.manager(first).take("runs", before=None, after="10", observations=seen)
        assert not house.manager(second).take("runs", before=None, after="10", observations=seen)
    house.tick()
    assert len(house.slack.got) == 1


def test_two_senders_at_once_never_send_the_same(house: House) -> None:
    with house.store() as first, house.store() as second:
        house.manager(first).take("runs", before=None, after="1", observations=[house.failure(TABLE)])
        house.manager(first).plan()
        house.manager(second).plan()
        assert first.claim("a", seconds=60) is not None
        assert second.claim("b", seconds=60) is None


def test_a_failure_seen_after_the_success_that_followed_it_is_told_as_over(house: House) -> None:
    failure = house.failure(TABLE)
    house.later(minutes=1)
    seen_late = {**{name: getattr(failure, name) for name in failure.__slots__}, "last_success": house.now}
    house.happens(type(failure)(**seen_late))
    assert "It is well again since" in house.slack.got[0].message.parts[0].sentence


def test_a_message_keeps_its_channel_and_addresses(house: House) -> None:
    house.rules = rules(
        routes=[
            {"send_to": ["slack", "email"], "slack_channel": "#shop", "email_to": ["shop@example.com"]},
        ]
    )
    house.fails(TABLE)
    assert house.slack.got[0].slack_channel == "#shop"
    assert house.email.got[0].email_to == ("shop@example.com",)
    assert house.slack.got[0].channel is Channel.SLACK
