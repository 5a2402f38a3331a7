"""Dagster's command line as we start it; a package called `dagster` stands in for Dagster, and shows what it is given."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
RARELY = 100_000  # not imported from the module, which would change this process
STAND_IN = """
import gc, json, multiprocessing, sys
from dagster import told
context = multiprocessing.get_context("spawn")  # as Dagster's code server starts runs
answers = context.Queue()
child = context.Process(target=told.threshold, args=(answers,))
child.start()
print(json.dumps({"arguments": sys.argv[1:], "here": gc.get_threshold()[0], "in a run": answers.get(timeout=60)}))
child.join()
"""


def test_dagster_gets_the_arguments_and_it_and_the_runs_it_starts_collect_garbage_rarely(
    tmp_path: Path,
) -> None:
    package = tmp_path / "dagster"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "told.py").write_text(
        "import gc\ndef threshold(answers):\n    answers.put(gc.get_threshold()[0])\n"
    )
    (package / "__main__.py").write_text(STAND_IN)
    done = subprocess.run(
        [sys.executable, "-m", "dagster_pipeline.dagster_cli", "api", "--name", "two words"],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "arguments": ["api", "--name", "two words"],
        "here": RARELY,
        "in a run": RARELY,
    }


def test_the_exit_code_is_dagsters_own() -> None:
    command = [sys.executable, "-m", "dagster_pipeline.dagster_cli"]
    assert subprocess.run([*command, "--version"], cwd=ROOT, capture_output=True, check=False).returncode == 0
    assert subprocess.run([*command, "no-such"], cwd=ROOT, capture_output=True, check=False).returncode == 2
