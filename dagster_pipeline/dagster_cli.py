"""`python -m dagster_pipeline.dagster_cli ...` is `python -m dagster ...`, with fewer garbage collections.

Dagster's command line imports 1,500 modules before it looks for ours, and Python walks what it has made again and again
meanwhile. Runs that a code server starts as its children begin here, too: `multiprocessing` gives them their parent's
main module.
"""

from __future__ import annotations

import gc
import runpy

OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Python's own is 700. What a cycle holds is freed later, at most some 10 MB of it."""

gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)

if __name__ == "__main__":
    runpy.run_module("dagster", run_name="__main__")
