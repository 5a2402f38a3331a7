"""What was measured: one JSON line a measurement, so that a session that was broken off goes on where it stood."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

WARM_UP = 0
"""The round that is not counted."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of one subject on one table.

    Attributes:
        subject: who moved the rows, or `source alone`, `warehouse alone`.
        kind: `full` or `incremental`.
        seconds: of the work as the subject itself says, without the start of its process.
        process_seconds: of the whole process.
        cpu: CPU seconds of the subject's process and its children, start included.
        source_cpu, warehouse_cpu: of the two servers meanwhile.
        others_cpu: of everything else on the machine meanwhile.
        peak_bytes: proportional set size of the subject's processes.
        error: why there is no result; empty when there is one.
    """

    round: int
    subject: str
    kind: str
    table: str
    dialect: str
    warehouse: str
    rows: int
    bytes: int = 0
    seconds: float = 0.0
    process_seconds: float = 0.0
    cpu: float = 0.0
    source_cpu: float = 0.0
    warehouse_cpu: float = 0.0
    others_cpu: float = 0.0
    peak_bytes: int = 0
    error: str = ""

    @property
    def case(self) -> tuple[str, str, str, str, str]:
        """What was measured, whatever the round."""
        return (self.subject, self.kind, self.table, self.dialect, self.warehouse)

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds if self.seconds else 0.0


class Results:
    """The measurements of one session."""

    def __init__(self, file: Path) -> None:
        self._file = file
        lines = file.read_text().splitlines() if file.exists() else []
        self._all = [Measurement(**json.loads(line)) for line in lines]

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self._all)

    def has(self, round_: int, case: Sequence[str]) -> bool:
        """Whether this was measured already."""
        return any(known.round == round_ and known.case == tuple(case) for known in self._all)

    def add(self, measurement: Measurement) -> None:
        """Keep it, on disk too."""
        self._all.append(measurement)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a") as file:
            file.write(json.dumps(asdict(measurement)) + "\n")

    def rounds(self, case: Sequence[str]) -> list[Measurement]:
        """The counted measurements of one case that have a result; the warm-up's when there are no others."""
        found = [known for known in self._all if known.case == tuple(case) and not known.error]
        return [known for known in found if known.round > WARM_UP] or found

    def median(self, case: Sequence[str], value: Callable[[Measurement], float]) -> float | None:
        """The median of something; `None` when it was not measured."""
        found = self.rounds(case)
        return statistics.median(map(value, found)) if found else None
