"""Alerts from end to end: real processes, a real SMTP server, a server that speaks Slack's API; nothing lost, nothing twice."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import pytest

from tests.e2e.conftest import Shop
from tests.e2e.stack import STARTUP_SECONDS, wait_for

BAR_SECONDS = 60.0


def assert_told_once(shop: Shop, *titles: str) -> None:
    """Both channels have exactly these messages, each once, and no secret in any."""
    assert Counter(shop.slack.texts) == Counter(titles)
    assert Counter(subject.partition("] ")[2] for subject in shop.mail.subjects) == Counter(titles)
    for said in (*map(str, shop.slack.posts), *map(str, shop.mail.messages)):
        for secret in shop.passwords:
            assert secret not in said


def wait_until_told(shop: Shop, count: int, *, seconds: float) -> None:
    def told() -> bool:
        return len(shop.slack.posts) >= count and len(shop.mail.messages) >= count

    try:
        wait_for(f"{count} messages in both channels", told, seconds=seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{shop.stack.last_words()}") from None


def test_an_alert_goes_out_once_although_daemon_and_code_server_are_killed(shop: Shop) -> None:
    stack = shop.stack
    run = stack.start_run_from_shell("shop/orders")
    stack.start_code_server()
    assert run() == 1
    stack.start_daemon()
    wait_until_told(shop, 1, seconds=STARTUP_SECONDS)
    stack.kill("daemon")
    stack.kill("code")
    run = stack.start_run_from_shell("shop/customers")  # while nobody watches
    stack.start_code_server()
    assert run() == 1
    stack.start_daemon()
    wait_until_told(shop, 2, seconds=STARTUP_SECONDS)
    # The new processes looked at both runs: the first one again, since what was seen overlaps.
    assert_told_once(shop, "shop/orders: run failed", "shop/customers: run failed")


FAILED_RUNS = """
{ runsOrError(filter: {statuses: [FAILURE]}) { ... on Runs { results {
    endTime eventConnection { events { __typename } } } } } }
"""


@pytest.mark.long
@pytest.mark.parametrize("scheduled", [True])
def test_a_scheduled_run_fails_is_retried_and_is_told_within_a_minute(shop: Shop) -> None:
    stack = shop.stack
    stack.start_code_server()
    stack.start_webserver()
    stack.start_daemon()

    def failed_runs() -> list[dict[str, Any]] | None:
        runs: list[dict[str, Any]] = stack.ask(FAILED_RUNS)["runsOrError"]["results"]
        return runs or None

    first = wait_for("a scheduled run has failed", failed_runs, seconds=180, every=1)[-1]
    events = [event["__typename"] for event in first["eventConnection"]["events"]]
    assert events.count("ExecutionStepUpForRetryEvent") == 1
    assert events.count("ExecutionStepFailureEvent") == 1
    wait_until_told(shop, 1, seconds=STARTUP_SECONDS)
    waited = max(shop.slack.times[0], shop.mail.times[0]) - float(first["endTime"])
    sys.stdout.write(f"The alert was out {waited:.1f} s after the run had failed.\n")
    assert waited < BAR_SECONDS
    stack.kill("daemon")
    stack.start_daemon()
    wait_until_told(shop, 2, seconds=180)
    stack.kill("code")
    stack.kill("daemon")
    shop.line.mend()
    stack.start_code_server()
    stack.start_daemon()
    wait_until_told(shop, 3, seconds=240)
    assert_told_once(
        shop,
        "shop/orders: run failed",
        "shop/orders failed 2 times in a row",
        "shop/orders is well again",
    )
