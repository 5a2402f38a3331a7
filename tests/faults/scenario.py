"""One seeded scenario: a table, a writer, faults one after the other; then a clean run, and both tables are compared."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from scripts.servers.server import Server
from tests.faults.injections import FAULTS
from tests.faults.loader import Ended
from tests.faults.source_table import Shape, digest, rows_of
from tests.faults.source_writer import SourceWriter
from tests.faults.stage import Stage, wait

ROWS = 9_000
CLEAN_RUNS = 3
"""The first may finish what a dead run left, the second may find its window not settled."""
SETTLED_AFTER_SECONDS = 2.5


@dataclass(frozen=True)
class Scenario:
    """What is played, all of it chosen by the seed.

    Attributes:
        faults: names of `FAULTS`, in order.
    """

    seed: int
    dialect: str
    shape: Shape
    over_http: bool
    faults: tuple[str, ...]

    @classmethod
    def of(cls, seed: int, *, faults: int) -> Scenario:
        """Shapes, sources and warehouses take turns, so that few seeds meet all; the faults are drawn."""
        shapes = tuple(Shape)
        drawn = Random(seed).choices(tuple(FAULTS), k=faults)
        dialect = ("postgres", "mysql")[seed // len(shapes) % 2]
        return cls(seed, dialect, shapes[seed % len(shapes)], (seed + seed // 10) % 2 == 0, tuple(drawn))

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.dialect} {self.shape} {'http' if self.over_http else 'embedded'}"


@dataclass(frozen=True)
class Difference:
    """What the warehouse has otherwise than the source, in rows, with a few keys as examples."""

    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    examples: tuple[str, ...] = ()

    @property
    def is_none(self) -> bool:
        """Both hold the same."""
        return not (self.lost or self.doubled or self.wrong)


@dataclass(frozen=True)
class Outcome:
    """How a scenario went.

    Attributes:
        injected: faults that have really struck, by kind.
        misjudged: runs that ended otherwise than such a fault allows.
    """

    scenario: Scenario
    injected: Counter[str]
    rows: int
    difference: Difference
    misjudged: tuple[str, ...] = ()
    endings: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing doubled, nothing wrong, every error on its right side."""
        return self.difference.is_none and not self.misjudged

    def __str__(self) -> str:
        found = self.difference
        line = (
            f"{self.scenario}: {self.injected.total()} faults, {self.rows:,} rows,"
            f" lost {found.lost}, doubled {found.doubled}, wrong {found.wrong}, misjudged {len(self.misjudged)},"
            f" {self.seconds:.0f} s"
        )
        return "\n    ".join([line, *found.examples, *self.misjudged])


def play(scenario: Scenario, server: Server, *, rows: int = ROWS) -> Outcome:
    """Play it. Raises only when the scenery breaks."""
    began = time.monotonic()
    rng = Random(f"{scenario.seed} moments")
    with Stage.set(
        server, dialect=scenario.dialect, shape=scenario.shape, over_http=scenario.over_http, rows=rows
    ) as stage:
        with SourceWriter(stage.table, seed=scenario.seed) as writer:
            for name in scenario.faults:
                FAULTS[name](stage, rng)
                if rng.random() < 0.25:  # now and then a run between, so that the cursor moves
                    stage.judge(f"a run after {name}", stage.start().end(), "well", "ConfigurationError")
        stage.misjudged += [f"the writer met {error}" for error in writer.errors]
        wait(SETTLED_AFTER_SECONDS)
        _run_clean(stage)
        counted, difference = compare(stage)
        return Outcome(
            scenario, stage.injected, counted, difference, tuple(stage.misjudged), stage.endings,
            time.monotonic() - began,
        )  # fmt: skip


def _run_clean(stage: Stage) -> None:
    """Runs without a fault until one has planned a load of its own."""
    for _ in range(CLEAN_RUNS):
        ended: Ended = stage.judge("the clean run", stage.start().end(), "well")
        if ended.how == "well" and not ended.said["resumed"]:
            return


def compare(stage: Stage) -> tuple[int, Difference]:
    """Rows at the source, and what the warehouse has otherwise."""
    source = dict(stage.table.ask(stage.table.digest()))
    warehouse = dict(_ask(stage, digest("clickhouse", stage.table.destination)))
    counted = sum(int(str(text).split()[0]) for text in source.values())
    ranges = sorted(key for key in source.keys() | warehouse.keys() if source.get(key) != warehouse.get(key))
    if not ranges:
        return counted, Difference()
    theirs = stage.table.ask(stage.table.rows_of([int(str(key)) for key in ranges]))
    ours = _ask(stage, rows_of("clickhouse", stage.table.destination, [int(str(key)) for key in ranges]))
    return counted, _difference(theirs, ours)


def _ask(stage: Stage, query: str) -> Sequence[tuple[object, object]]:
    ended = stage.start(ask=query, only_ask=True).end()
    if ended.how != "well":
        raise AssertionError(f"The warehouse could not be asked: {ended}")
    return [(key, text) for key, text in ended.said["found"]]


def _difference(theirs: Sequence[tuple[object, ...]], ours: Sequence[tuple[object, ...]]) -> Difference:
    source, warehouse = _by_key(theirs), _by_key(ours)
    lost = sorted(source.keys() - warehouse.keys())
    more = sorted(key for key, texts in warehouse.items() if len(texts) > len(source.get(key, ())))
    wrong = sorted(
        key for key, texts in source.items() if key in warehouse and set(texts) != set(warehouse[key])
    )
    examples = (
        f"{what}: keys {', '.join(map(str, keys[:8]))}"
        for what, keys in (("lost", lost), ("doubled", more), ("wrong", wrong))
        if keys
    )
    return Difference(len(lost), len(more), len(wrong), tuple(examples))


def _by_key(rows: Sequence[tuple[object, ...]]) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = {}
    for key, text in rows:
        found.setdefault(int(str(key)), []).append(str(text))
    return found
