"""`python -m tests.faults.torture [--seeds N] [--first S] [--faults F]`: many scenarios, one line each, then the sum.

Ends with 1 when anything was lost, doubled or wrong, or when an error stood on the wrong side. A scenario is played
again by its seed: `--first SEED --seeds 1`. The plan follows from the seed alone; the moments, on a real machine, nearly.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from contextlib import ExitStack

from scripts.servers.mariadb import MariaDb
from scripts.servers.postgres import Postgres
from scripts.servers.process import ServerError
from scripts.servers.scratch import scratch_server
from tests.faults.scenario import Outcome, Scenario, play

SEEDS = 34
FAULTS = 8


def main(words: list[str] | None = None) -> int:
    """Play the scenarios and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.torture", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many scenarios")
    parser.add_argument("--first", type=int, default=0, help="the first one's seed")
    parser.add_argument("--faults", type=int, default=FAULTS, help="how many faults are planned in each")
    arguments = parser.parse_args(words)
    began = time.monotonic()
    outcomes: list[Outcome] = []
    broken = 0
    with ExitStack() as stack:
        servers = {
            "postgres": stack.enter_context(scratch_server(Postgres())),
            "mysql": stack.enter_context(scratch_server(MariaDb())),
        }
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            scenario = Scenario.of(seed, faults=arguments.faults)
            try:
                outcomes.append(play(scenario, servers[scenario.dialect]))
                print(outcomes[-1], flush=True)  # noqa: T201 -- what it is for
            except (ServerError, AssertionError, OSError) as error:
                broken += 1
                print(f"{scenario}: the scenery broke: {error}", flush=True)  # noqa: T201
                servers[scenario.dialect].start()
    print(summary(outcomes, time.monotonic() - began))  # noqa: T201
    if broken:
        print(f"{broken} scenarios could not be played")  # noqa: T201
    return 0 if not broken and all(outcome.is_good for outcome in outcomes) else 1


def summary(outcomes: list[Outcome], seconds: float) -> str:
    """What happened in all of it."""
    injected = sum((outcome.injected for outcome in outcomes), Counter[str]())
    endings = sum((outcome.endings for outcome in outcomes), Counter[str]())
    kinds = [f"  {count:4} {kind}" for kind, count in sorted(injected.items())]
    differences = [outcome.difference for outcome in outcomes]
    lost, doubled, wrong = (
        sum(getattr(found, what) for found in differences) for what in ("lost", "doubled", "wrong")
    )
    misjudged = sum(len(outcome.misjudged) for outcome in outcomes)
    rows = sum(outcome.rows for outcome in outcomes)
    last = (
        f"{len(outcomes)} scenarios, {injected.total()} faults, {rows:,} rows:"
        f" lost {lost}, doubled {doubled}, wrong {wrong}, misjudged {misjudged}, {seconds:.0f} s"
    )
    ended = ", ".join(f"{how} {count}" for how, count in endings.most_common())
    return "\n".join(["", "faults by kind:", *kinds, f"runs ended: {ended}", last])


if __name__ == "__main__":
    sys.exit(main())
