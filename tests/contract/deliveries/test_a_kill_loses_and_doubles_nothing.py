"""A process that lands objects is really killed, at every moment that matters, and another one goes on."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from dagster_pipeline.landing import landing
from dagster_pipeline.schema.s3_models import S3File
from tests.contract.deliveries.lake import Lake, numbered, s3_file

ROWS = 150_000
ONE_BLOCK = {"one block": 1 << 30, "staged": 100_000}

MOMENTS = [
    ("one block", "after sink.write", False),
    ("staged", "1", False),
    ("staged", "after sink.absorb", False),
    ("one block", "after state.open_load", True),
    ("one block", "1", True),
    ("one block", "after state.close_load", True),
    ("staged", "after sink.write", True),
    ("staged", "after absorption._remove_arrived", True),
    ("staged", "after state.close_load", True),
]
KILLS = [
    pytest.param(how, moment, id=f"{how}, {moment}", marks=[pytest.mark.long] if is_long else [])
    for how, moment, is_long in MOMENTS
]


def killed_at(moment: str, lake: Lake, file: S3File, one_block: int) -> None:
    lake.leave_warehouse()
    words = [
        sys.executable,
        "-m",
        "tests.contract.deliveries.landing_process",
        lake.url,
        str(lake.folder),
        moment,
    ]
    ended = subprocess.run(
        [*words, str(one_block), file.model_dump_json(by_alias=True)], check=False, timeout=240
    )
    assert ended.returncode == -signal.SIGKILL


def take_over(lake: Lake) -> None:
    """The dead run's lock expires by time; a person may take it away before."""
    lake.release_lock("lake/events")


@pytest.mark.parametrize(("how", "moment"), KILLS)
def test_the_next_run_finishes_what_a_killed_one_began(
    lake: Lake, how: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "ONE_BLOCK_BYTES", ONE_BLOCK[how])
    file = s3_file(destination={"partition_by": "id % 3"}, parallelism=1)
    lake.put("1.parquet", numbered(0, ROWS))
    lake.put("2.parquet", numbered(ROWS, 10))
    killed_at(moment, lake, file, ONE_BLOCK[how])
    take_over(lake)
    lake.land(file)
    lake.land(file)
    ((rows, different, total),) = lake.rows("SELECT count(), uniqExact(id), sum(id) FROM lake.events")
    everything = ROWS + 10
    assert (rows, different, int(total)) == (everything, everything, everything * (everything - 1) // 2)
    assert lake.stagings() == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("how", "moment"), [("one block", "after sink.write"), ("staged", "after sink.absorb")]
)
def test_an_object_that_changed_after_the_kill_has_none_of_its_old_rows(
    lake: Lake, how: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "ONE_BLOCK_BYTES", ONE_BLOCK[how])
    lake.put("1.parquet", numbered(0, ROWS))
    killed_at(moment, lake, s3_file(parallelism=1), ONE_BLOCK[how])
    take_over(lake)
    assert lake.count() == ROWS
    lake.put("1.parquet", numbered(500_000, 7))
    lake.land(s3_file(parallelism=1))
    assert [row[0] for row in lake.rows()] == list(range(500_000, 500_007))
