"""Stages or publishes an export in a process of its own, so that a test can kill it: `staging_process.py FACTS.json`.

Facts: `dialect`, `url`, `load_id`, `does` (`stage`, whose rows have no end, or `publish`). It prints a line when it
begins, and one after each batch that was asked for.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pyarrow as pa

from tests.integration.exports.table_rig import batch, export, open_sink


def say(line: str) -> None:
    """To whoever reads our output."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def batches() -> Iterator[pa.RecordBatch]:
    """Without end."""
    number = 0
    while True:
        yield batch(*((number * 1000 + each, "x" * 500) for each in range(1000)))
        number += 1
        say(f"batch {number}")


def main() -> None:
    """Until killed, or done."""
    facts = json.loads(sys.argv[1])
    wanted = export(load_id=facts["load_id"])
    with open_sink(facts["dialect"], facts["url"], lock_wait_seconds=120) as sink:
        say("begins")
        if facts["does"] == "stage":
            sink.stage(wanted, batches())
        else:
            sink.publish(wanted)
        say("done")


if __name__ == "__main__":
    main()
