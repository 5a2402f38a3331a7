"""A process that holds a lock is told from every other, and its end is seen only where it can be known."""

from __future__ import annotations

import subprocess
import sys

from dagster_pipeline.state import holder


def _another() -> subprocess.Popen[str]:
    program = (
        "from dagster_pipeline.state import holder; print(holder.of_this_process(), flush=True); input()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_process_that_runs_has_not_ended_and_one_that_was_killed_has_even_before_its_parent_knows() -> None:
    with _another() as process:
        assert process.stdout
        told = process.stdout.readline().strip()
        assert told != holder.of_this_process()
        assert not holder.has_ended(told)
        process.kill()
        while not holder.has_ended(told):  # nobody waited for it yet: it is a zombie
            assert process.returncode is None
        process.wait()
        assert holder.has_ended(told)


def test_another_process_under_the_same_number_is_not_the_holder() -> None:
    machine, number, started = holder.of_this_process().split("/")
    assert not holder.has_ended(f"{machine}/{number}/{started}")
    assert holder.has_ended(f"{machine}/{number}/{int(started) - 1}")


def test_nobody_of_another_machine_or_unknown_is_judged_dead() -> None:
    _, _, process = holder.of_this_process().partition("/")
    for told in ("", "a", "another/" + process, "another/999999999/1", "//"):
        assert not holder.has_ended(told)
