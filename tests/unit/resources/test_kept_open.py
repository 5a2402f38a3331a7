"""What is slow to open is opened once for all who use it at the time, and closed after the last."""

from __future__ import annotations

import threading

from dagster_pipeline.resources.kept_open import KeptOpen

PATIENCE = 30


class Door:
    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


def test_users_at_the_same_time_share_one() -> None:
    kept: KeptOpen[Door] = KeptOpen(linger_seconds=60)
    with kept.lent("a", Door) as first, kept.lent("a", Door) as second, kept.lent("b", Door) as other:
        assert first is second
        assert first is not other


def test_the_next_user_gets_what_lingers_and_an_early_close_ends_it() -> None:
    kept: KeptOpen[Door] = KeptOpen(linger_seconds=60)
    with kept.lent("a", Door) as first:
        pass
    with kept.lent("a", Door) as second:
        assert first is second
        kept.close()
        assert not first.closed.is_set()
    kept.close()
    assert first.closed.is_set()
    with kept.lent("a", Door) as third:
        assert third is not first


def test_nobody_keeps_another_process_waiting_for_longer_than_it_lingers() -> None:
    kept: KeptOpen[Door] = KeptOpen(linger_seconds=0.01)
    with kept.lent("a", Door) as door:
        assert not door.closed.is_set()
    assert door.closed.wait(PATIENCE)


def test_what_fails_to_open_is_tried_again() -> None:
    kept: KeptOpen[Door] = KeptOpen(linger_seconds=60)

    def broken() -> Door:
        raise OSError

    for opening in (broken, Door):
        try:
            with kept.lent("a", opening) as door:
                assert isinstance(door, Door)
        except OSError:
            assert opening is broken
