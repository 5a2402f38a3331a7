"""Random tables are written at the source, loaded, changed, loaded again, and equal, by the servers' own texts.

A failure prints its table and its seed; `TYPE_LAB_SEEDS=500 pytest <this file>` tries that many.
"""

from __future__ import annotations

import os

from tests.type_lab.laboratory import Laboratory
from tests.type_lab.random_tables import random_table
from tests.type_lab.random_trial import trial

FIRST = int(os.environ.get("TYPE_LAB_FIRST_SEED", "0"))
SEEDS = int(os.environ.get("TYPE_LAB_SEEDS", "8"))


def test_random_tables_arrive_and_arrive_again_after_changes(laboratory: Laboratory) -> None:
    for seed in range(FIRST, FIRST + SEEDS):
        assert trial(laboratory, random_table(seed, laboratory.database)) > 0
