"""What is new is started for once, whatever order it comes in and whenever the daemon dies."""

import threading
import time

import pytest

from dagster_pipeline.errors import ConfigurationError, RetriableError
from dagster_pipeline.triggers import arrivals
from dagster_pipeline.triggers.arrivals import digest, look
from dagster_pipeline.triggers.deadline import Asking


def names(*identities: str) -> tuple[str, ...]:
    return tuple(map(digest, identities))


def test_each_thing_is_new_once_whatever_its_order():
    first = look(["b", "c"], None, where="x")
    assert (first.new, first.waiting) == (names("b", "c"), 0)
    second = look(["a", "b", "c", "b"], first.cursor, where="x")
    assert second.new == names("a")
    assert look(["c", "b", "a"], second.cursor, where="x").new == ()


def test_without_a_run_the_new_thing_stays_new():
    seen = look(["a"], None, where="x").cursor
    assert look(["a", "b"], look(["a", "b"], seen, where="x").unchanged, where="x").new == names("b")


def test_what_a_run_was_started_for_is_known_although_the_cursor_was_lost():
    cursor = look(["a"], None, where="x").cursor
    launched = look(["a", "b"], cursor, where="x").new  # and here the daemon dies
    again = look(["a", "b", "c"], cursor, started=launched, where="x")
    assert again.new == names("c")
    assert look(["a", "b", "c"], again.cursor, where="x").new == ()


def test_what_has_gone_and_comes_back_is_known():
    cursor = look(["a", "b"], None, where="x").cursor
    gone = look([], cursor, where="x").unchanged
    assert look(["b", "a"], gone, where="x").new == ()


def test_the_cursor_does_not_grow_for_ever(monkeypatch):
    monkeypatch.setattr(arrivals, "GONE_REMEMBERED", 10)
    cursor = None
    for number in range(100):
        cursor = look([f"row {number}", "stays"], cursor, where="x").cursor
    assert len(cursor or "") < 12 * (16 + 3) + 2
    assert look(["stays", "row 99", "row 95"], cursor, where="x").new == ()


def test_one_run_takes_a_bounded_number_and_the_next_tick_the_rest(monkeypatch):
    monkeypatch.setattr(arrivals, "AT_ONCE", 3)
    first = look("abcde", None, where="x")
    assert (len(first.new), first.waiting) == (3, 2)
    assert look("abcde", first.cursor, where="x").new == names("d", "e")


def test_too_many_things_are_refused_by_name(monkeypatch):
    monkeypatch.setattr(arrivals, "MOST", 3)
    with pytest.raises(ConfigurationError, match="shop/orders: trigger: 4 rows or objects are there"):
        look("abcd", None, where="shop/orders: trigger")


def test_a_question_without_an_answer_ends_in_time_and_is_not_asked_twice():
    release, asked = threading.Event(), []

    def question() -> list[str]:
        asked.append(1)
        release.wait(60)
        return ["a"]

    asking = Asking("place", seconds=0.2)
    begun = time.monotonic()
    with pytest.raises(RetriableError, match=r"The place gave no answer within 0\.2 s"):
        asking.ask(question)
    assert time.monotonic() - begun < 30
    with pytest.raises(RetriableError, match="an earlier question is still not answered"):
        asking.ask(question)
    assert len(asked) == 1
    release.set()
    deadline = time.monotonic() + 60
    while asking._thread is not None and asking._thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert Asking("place", seconds=60).ask(question) == ["a"]


def test_what_the_question_raises_is_raised():
    def question() -> list[str]:
        raise ConfigurationError("No such table.")

    with pytest.raises(ConfigurationError, match="No such table"):
        Asking("x", seconds=60).ask(question)
