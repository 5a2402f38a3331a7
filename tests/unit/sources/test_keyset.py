"""Key ranges stay even when keys are not: halving by estimates, over keys whose true positions are known."""

from __future__ import annotations

import bisect
from itertools import pairwise

import pytest

from dagster_pipeline.connectors.sources import keyset

TARGET = 1_000

EVEN = list(range(1, 50_001))
CROWDED = [*range(1, 49_501), *(10**12 + 10**9 * n for n in range(500))]
GAPS = [base + n for base in (0, 10**6, 10**9, 2**62) for n in range(12_500)]
NEGATIVE = list(range(-(2**40), -(2**40) + 25_000)) + list(range(25_000))


@pytest.mark.parametrize("keys", [EVEN, CROWDED, GAPS, NEGATIVE], ids=["even", "crowded", "gaps", "negative"])
def test_ranges_of_skewed_keys_have_about_the_same_number_of_rows(keys: list[int]) -> None:
    asked = 0

    def estimate(lower: int, upper: int) -> int:
        nonlocal asked
        asked += 1
        return bisect.bisect_right(keys, upper) - bisect.bisect_right(keys, lower)

    bounds = keyset.bisect(keys[0], keys[-1], target_rows=TARGET, table_rows=len(keys), estimate=estimate)
    assert bounds is not None
    edges = [keys[0] - 1, *(int(bound) for (bound,) in bounds), keys[-1]]
    sizes = [estimate(lower, upper) for lower, upper in pairwise(edges)]
    assert sum(sizes) == len(keys)
    assert max(sizes) <= TARGET * keyset.LARGEST_SHARE
    assert len(sizes) <= 2 * len(keys) / TARGET
    assert asked < keyset.ESTIMATES_PER_PART * len(sizes)


@pytest.mark.parametrize("rows", [100_000, 100_001])
def test_ranges_are_as_large_as_wanted_where_the_optimizer_counts_double_and_never_more_than_half(
    rows: int,
) -> None:
    """As MariaDB answers for ranges of a primary key; half of an odd number is rounded down."""

    def estimate(lower: int, upper: int) -> int:
        return min(2 * (upper - lower), rows // 2)

    bounds = keyset.bisect(1, rows, target_rows=25_000, table_rows=rows, estimate=estimate)
    assert bounds == [("25000",), ("50000",), ("75000",)]


def test_estimates_that_do_not_follow_the_key_are_not_trusted() -> None:
    assert keyset.bisect(1, 10**6, target_rows=TARGET, table_rows=10**6, estimate=lambda *_: 10) is None
