"""What an error's text may carry out of the house: names, codes, places and counts; no secret and no value of a row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_pipeline.alerts.scrubber import Scrubber

PASSWORD = "p@ss/w0rd-known"
NAMES = frozenset({"orders", "shop", "public", "email", "updated_at", "nickname"})
SCRUBBER = Scrubber([PASSWORD, "xoxb-known", "abc"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("has no column 'nickname' (schemas/a.yml:10)", "has no column 'nickname' (schemas/a.yml:10)"),
        ('relation "public.orders" does not exist', 'relation "public.orders" does not exist'),
        ("postgresql://reader@db.example.com:5432/shop does not answer", None),
        ("The server refused reader (28P01).", None),
        ("Writing failed: memory limit (ClickHouse 241 MEMORY_LIMIT_EXCEEDED).", None),
        ("shop/orders: at least 12,345 row(s) beyond year 2299", None),
        ("the lock expires in 1200 seconds", None),
        ("answered HTTP 503", None),
        ("127.0.0.1:5432 does not answer", None),
        ("MySQL error 1205", None),
        ("'schemas/mysql/shop/orders.yml:12' names it", None),
        ("Set 'MYSQL_SHOP_URL' to something", None),
        ("don't stop, it isn't done", None),
        ("Duplicate entry 'alice@example.com' for key 'PRIMARY'", "Duplicate entry '…' for key '…'"),
        ('invalid input syntax for type integer: "4711abc"', 'invalid input syntax for type integer: "…"'),
        ("Key (email)=(bob@example.com) already exists.", "Key (email)=(…) already exists."),
        ("Failing row contains (1, carol, 99).", "Failing row contains (…)."),
        ("insert of values (1, 'dave') failed", "insert of values (…) failed"),
        ("the value 4111111111111111 is too big", "the value … is too big"),
        ("write to erin@example.com bounced", "write to … bounced"),
        ("Cannot parse `fay` as Int64", "Cannot parse `…` as Int64"),
    ],
)
def test_names_stay_and_values_go(text: str, shown: str | None) -> None:
    assert SCRUBBER.values(text, names=NAMES) == (text if shown is None else shown)


@pytest.mark.parametrize(
    "text",
    [
        f"could not connect with {PASSWORD}",
        f"mysql://reader:{PASSWORD}@host:3306/shop does not answer",
        "postgresql://reader:another-one@host/shop does not answer",
        "password=another-one in the address",
        "api_key: another-one",
        "Authorization xoxb-known",
    ],
)
def test_no_secret_passes(text: str) -> None:
    for shown in (SCRUBBER.secrets(text), SCRUBBER.values(text, names=NAMES)):
        assert PASSWORD not in shown
        assert "another-one" not in shown
        assert "xoxb-known" not in shown


def test_very_short_secrets_hide_no_ordinary_words() -> None:
    assert SCRUBBER.secrets("the abc of it") == "the abc of it"


def test_a_long_text_of_many_lines_becomes_one_bounded_line() -> None:
    shown = SCRUBBER.secrets("first line\nsecond line\n" * 100)
    assert "\n" not in shown
    assert len(shown) == 400


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_secret_is_never_seen_whatever_stands_around_it(before: str, after: str) -> None:
    text = f"{before}{PASSWORD}{after}"
    assert PASSWORD not in SCRUBBER.secrets(text)
    assert PASSWORD not in SCRUBBER.values(text, names=NAMES)


@given(
    st.text(
        alphabet=st.characters(exclude_characters="'\\", exclude_categories=["Cs"]), min_size=1, max_size=50
    )
)
def test_a_quoted_value_is_never_seen(value: str) -> None:
    if value not in NAMES:
        shown = SCRUBBER.values(f"Incorrect value: '{value} of the row' here", names=NAMES)
        assert shown == "Incorrect value: '…' here"
