"""How tables are cut, what counts as a difference, how fast and how far a comparison may go."""

from __future__ import annotations

import pytest

from dagster_pipeline.connectors.digest import RangeDigest, RowDigest, unsigned
from dagster_pipeline.reconcile.compare import bucket_count, differences, range_rows
from dagster_pipeline.reconcile.deletion_cap import DeletesRefusedError, DeletionCap
from dagster_pipeline.reconcile.difference import Kind
from dagster_pipeline.throttle import Throttle

LARGEST_SHARE_OF_A_SPLIT = 1.5


@pytest.mark.parametrize("rows", [200_000, 1_000_000, 5_000_000, 1_000_000_000])
def test_a_range_is_less_than_a_hundredth_of_a_large_table(rows: int) -> None:
    assert range_rows(rows) * LARGEST_SHARE_OF_A_SPLIT < rows / 100


def test_ranges_and_buckets_are_bounded() -> None:
    assert (range_rows(0), range_rows(10**12)) == (1_000, 30_000)
    assert (bucket_count(0), bucket_count(10_000), bucket_count(10**12)) == (2, 32, 65_536)


def row(key: str, checksum: int, *, pending: bool = False) -> RowDigest:
    return RowDigest((key,), (key,), checksum, pending)


def test_rows_are_compared_by_key() -> None:
    here = [row("a", 1), row("b", 2), row("c", 3), row("d", 4, pending=True), row("e", 5)]
    there = [row("e", 5), row("b", 9), row("d", 8), row("f", 6), row("c", 3), row("c", 3)]
    found = {(each.key[0], each.kind, each.pending) for each in differences(here, there)}
    assert found == {
        ("a", Kind.MISSING, False),
        ("b", Kind.DIFFERENT, False),
        ("c", Kind.DIFFERENT, False),  # the warehouse has it twice
        ("d", Kind.DIFFERENT, True),
        ("f", Kind.EXTRA, False),
    }


def test_digests_of_parts_add_up_in_any_order_and_signed_or_not() -> None:
    parts = [RangeDigest(1, 7), RangeDigest(2, unsigned(-1)), RangeDigest(3, 2**63)]
    assert sum(parts, RangeDigest()) == sum(reversed(parts), RangeDigest())
    assert unsigned("-1") == unsigned(2**64 - 1)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_throttle_keeps_to_its_rate_and_catches_nothing_up() -> None:
    clock = Clock()
    pace = Throttle(1_000, clock=clock, sleep=clock.sleep)
    for _ in range(5):
        pace(500)
    assert clock.now == pytest.approx(102.5)
    clock.now += 60  # the databases were slow
    pace(500)
    pace(500)
    assert clock.now == pytest.approx(163.0)


def test_without_a_rate_nothing_waits() -> None:
    def never(_seconds: float) -> None:
        raise AssertionError

    Throttle(None, sleep=never)(10**9)


@pytest.mark.parametrize(
    ("vanished", "rows", "share", "allowed"),
    [
        (10, 20, 0.01, True),  # a few may always go
        (11, 20, 0.01, False),
        (1_000, 100_000, 0.01, True),
        (1_001, 100_000, 0.01, False),
        (11, 0, 1.0, False),
        (5_000, 5_000, 1.0, True),
    ],
)
def test_the_cap_is_a_share_of_the_rows(vanished: int, rows: int, share: float, allowed: bool) -> None:
    assert DeletionCap(share).allows(vanished, rows) is allowed
    assert DeletionCap(share, approved=True).allows(vanished, rows)
    if not allowed:
        with pytest.raises(DeletesRefusedError, match="None was marked"):
            DeletionCap(share).judge(vanished, rows, table="d.t")
