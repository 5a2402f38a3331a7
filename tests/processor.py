"""How slow this processor is now: bars in CPU seconds were measured on one machine and hold on every other by this ratio."""

from __future__ import annotations

import json
import time

_MEASURED_SECONDS = 0.09
"""What `_work` took where the bars were measured (2026-11, Python 3.11)."""


def slowness() -> float:
    """CPU seconds of a fixed piece of work here and now, as a multiple of those where bars were measured; 1 at least.

    A core whose caches and threads others use does less in a CPU second, and that changes from second to second: ask in the
    process that is measured, before and after, and take the larger.
    """
    return max(1.0, _work() / _MEASURED_SECONDS)


def _work() -> float:
    """Many small objects that are made, compared and let go, as reading files does."""
    began = time.process_time()
    rows = [
        {"name": f"column_{number % 997}", "type": f"decimal({number % 38},2)"} for number in range(40_000)
    ]
    rows.sort(key=lambda row: (row["name"], row["type"]))
    if len(json.loads(json.dumps(rows))) != len(rows):
        raise AssertionError
    return time.process_time() - began
