"""A process that lands a table of objects and kills itself at a given moment:
`python -m tests.contract.deliveries.landing_process BUCKET_URL FOLDER MOMENT FILE_AS_JSON`.

A moment is `before` or `after` a call of the state store or the sink, and its name, e.g. `after sink.write`; the number of
a batch means in the middle of an insert.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.clickhouse.landing import Absorption
from dagster_pipeline.landing import landing
from dagster_pipeline.schema.s3_models import S3File
from dagster_pipeline.state.state_manager import StateManager
from tests.contract.deliveries.lake import Lake

PLACES: dict[str, Any] = {"state": StateManager, "sink": ClickHouseSink, "absorption": Absorption}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(moment: str) -> None:
    """Die at the first such call."""
    if moment.isdecimal():
        in_the_middle_of_an_insert(int(moment))
        return
    when, _, what = moment.partition(" ")
    place, _, name = what.partition(".")
    original = getattr(PLACES[place], name)

    def deadly(*args: Any, **words: Any) -> Any:
        if when == "before":
            die()
        original(*args, **words)
        die()

    setattr(PLACES[place], name, deadly)


def in_the_middle_of_an_insert(batch: int) -> None:
    original = ClickHouseSink.write

    def dying(batches: Any) -> Iterator[Batch]:
        for number, each in enumerate(batches):
            if number == batch:
                die()
            yield each

    def write(self: Any, request: Any, batches: Any) -> Any:
        return original(self, request, dying(batches))

    ClickHouseSink.write = write  # type: ignore[method-assign] -- the one seam through which all rows go


def main(url: str, folder: str, moment: str, one_block: str, file: str) -> None:
    landing.ONE_BLOCK_BYTES = int(one_block)
    arm(moment)
    with Lake(url, Path(folder)) as lake:
        lake.land(S3File.model_validate(json.loads(file)))


if __name__ == "__main__":
    main(*sys.argv[1:])
