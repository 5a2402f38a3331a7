"""Compares two tables by digests and looks closer where they differ. Memory holds one part at a time; both sides work at once.

Keys that both databases sort alike are cut into ranges, which indexes serve on both sides: equal ranges cost one pass, and
a range that differs is read once more, row by row, to name the keys. Ranges are small enough for that to be less than a
hundredth of the table.

Other keys (text, UUID, masked ones) are put into buckets by a hash of the key. That takes one pass over each side whatever
the order, but finding the keys takes a second pass, with the digests of the few chosen buckets only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dagster_pipeline.connectors.batch import KeyRange
from dagster_pipeline.connectors.digest import BUCKET_BITS, Buckets, DigestRequest, RangeDigest, RowDigest
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.comparable_sink import ComparableSink
from dagster_pipeline.connectors.sources.comparable_source import ComparableSource
from dagster_pipeline.reconcile.difference import Compared, Difference, Kind

PARTS = 165
"""How many ranges a table is cut into, within the bounds below: one that is half as large again is still less than 1 %."""
SMALLEST_RANGE, LARGEST_RANGE = 1_000, 30_000
ROWS_PER_BUCKET = 500
RANGE_BUCKETS = 256
LISTED_ROWS = 50_000
"""Rows of differing buckets that are listed in one pass, and so are in memory."""
ASKED_ROWS = 120_000
"""Rows of the ranges that the warehouse digests in one statement, since it also reads the granules at the ends in whole."""
SCAN_ROWS = 500_000
"""Rows of one statement where buckets are counted."""

Pace = Callable[[int], None]
Split = Callable[[int], Sequence[KeyRange]]


def range_rows(table_rows: int) -> int:
    """Rows of one range."""
    return max(SMALLEST_RANGE, min(LARGEST_RANGE, table_rows // PARTS))


def sorts_alike(table: SinkTable, request: DigestRequest) -> bool:
    """Ranges of the key mean the same rows on both sides, and the warehouse finds them by its index."""
    names = tuple(column.name for column in request.key)
    return all(column.sorts_alike for column in request.key) and table.order_by[: len(names)] == names


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two sides of one table.

    Attributes:
        split: cuts the source's table into ranges of its key of about that many rows.
        table_rows: about how many rows there are.
        pace: is told how many rows each side has just read, and waits when that was too fast.
    """

    source: ComparableSource
    sink: ComparableSink
    table: SinkTable
    request: DigestRequest
    split: Split
    table_rows: int
    pace: Pace = lambda _rows: None

    def parts(self) -> Iterator[Compared]:
        """Compare part by part; differences come with the part that they are in."""
        return self._by_range() if sorts_alike(self.table, self.request) else self._by_bucket()

    def _by_range(self) -> Iterator[Compared]:
        rows = range_rows(self.table_rows)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="warehouse") as pool:
            for ranges in _batched(self.split(rows), max(1, ASKED_ROWS // rows)):
                checksum = self.source.range_checksum
                asked = pool.submit(self.sink.digests, self.table, self.request, ranges, checksum)
                listed = [self._source_digest(key_range) for key_range in ranges]
                for key_range, here, there in zip(ranges, listed, asked.result(), strict=True):
                    yield Compared(here.rows, there.rows) if here == there else self._named(key_range)

    def _source_digest(self, key_range: KeyRange) -> RangeDigest:
        found = self.source.digest(self.request, key_range)
        self.pace(found.rows)
        return found

    def _named(self, key_range: KeyRange) -> Compared:
        """A range that differs, once more and row by row.

        Where only keys are compared, as in a search for deleted rows that may have left a gap in every range, both sides
        first say in which buckets of the range they differ, so that few rows are listed.
        """
        buckets = self._differing_buckets(key_range) if self.request.columns == self.request.key else None
        listed = self.source.row_digests(self.request, key_range, buckets)
        stored = self.sink.row_digests(self.table, self.request, key_range, buckets)
        self.pace(max(len(listed), len(stored)))
        return Compared(len(listed), len(stored), len(listed), differences(listed, stored))

    def _differing_buckets(self, key_range: KeyRange) -> Buckets | None:
        here = self.source.bucket_digests(self.request, key_range, Buckets(RANGE_BUCKETS))
        there = self.sink.bucket_digests(self.table, self.request, key_range, Buckets(RANGE_BUCKETS))
        wrong = tuple(n for n in range(RANGE_BUCKETS) if here.get(n) != there.get(n))
        return Buckets(RANGE_BUCKETS, wrong) if wrong else None

    def _by_bucket(self) -> Iterator[Compared]:
        count = bucket_count(self.table_rows)
        scans = list(self.split(SCAN_ROWS))
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="source") as pool:
            asked = pool.submit(self._source_buckets, scans, Buckets(count))
            there = self.sink.bucket_digests(self.table, self.request, KeyRange(), Buckets(count))
            here = asked.result()
        nothing = RangeDigest()
        wrong = {n: True for n in range(count) if here.get(n, nothing) != there.get(n, nothing)}
        yield Compared(
            sum(digest.rows for number, digest in here.items() if number not in wrong),
            sum(digest.rows for number, digest in there.items() if number not in wrong),
        )
        for chosen in _groups(list(wrong), here, there):
            yield self._listed(scans, Buckets(count, chosen))

    def _source_buckets(self, scans: Sequence[KeyRange], buckets: Buckets) -> Mapping[int, RangeDigest]:
        found: dict[int, RangeDigest] = defaultdict(RangeDigest)
        for key_range in scans:
            digests = self.source.bucket_digests(self.request, key_range, buckets)
            self.pace(sum(digest.rows for digest in digests.values()))
            for number, digest in digests.items():
                found[number] += digest
        return found

    def _listed(self, scans: Sequence[KeyRange], buckets: Buckets) -> Compared:
        listed: list[RowDigest] = []
        for key_range in scans:
            listed += self.source.row_digests(self.request, key_range, buckets)
            self.pace(min(SCAN_ROWS, self.table_rows))
        stored = self.sink.row_digests(self.table, self.request, KeyRange(), buckets)
        return Compared(len(listed), len(stored), self.table_rows, differences(listed, stored))


def _batched(ranges: Sequence[KeyRange], size: int) -> Iterator[Sequence[KeyRange]]:
    for start in range(0, len(ranges), size):
        yield ranges[start : start + size]


def bucket_count(table_rows: int) -> int:
    """A power of two, so that a bucket has about `ROWS_PER_BUCKET` rows while there are few enough to be held."""
    wanted = max(1, table_rows // ROWS_PER_BUCKET)
    return 1 << min(BUCKET_BITS, wanted.bit_length())


def differences(listed: Sequence[RowDigest], stored: Sequence[RowDigest]) -> tuple[Difference, ...]:
    """The rows of one part that differ, by key."""
    there: dict[tuple[str, ...], list[RowDigest]] = defaultdict(list)
    for row in stored:
        there[row.key].append(row)
    found = []
    for row in listed:
        twins = there.pop(row.key, [])
        if [twin.checksum for twin in twins] != [row.checksum]:
            kind = Kind.DIFFERENT if twins else Kind.MISSING
            found.append(Difference(kind, row.key, row.own_key, pending=row.pending))
    found += [Difference(Kind.EXTRA, key, twins[0].own_key) for key, twins in there.items()]
    return tuple(found)


def _groups(
    wrong: Sequence[int], here: Mapping[int, RangeDigest], there: Mapping[int, RangeDigest]
) -> Iterator[tuple[int, ...]]:
    """Differing buckets, in groups that are listed together."""
    group: list[int] = []
    rows = 0
    for number in wrong:
        size = max(side[number].rows if number in side else 0 for side in (here, there))
        if group and rows + size > LISTED_ROWS:
            yield tuple(group)
            group, rows = [], 0
        group.append(number)
        rows += size
    if group:
        yield tuple(group)
