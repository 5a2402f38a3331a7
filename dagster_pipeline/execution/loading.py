"""Loading definitions fast: every process that Dagster starts pays for it."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def loading_for_good() -> Generator[None, None, None]:
    """Import and build what stays until the process ends, without garbage collections; later ones leave it out.

    Modules and definitions are a million objects. Walking them over and over while they are made takes a third of the
    time, and each full collection of the run afterwards walks them again.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
