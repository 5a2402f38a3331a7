"""Metrics of a real instance: what runs did is what Prometheus reads, by its own parser.

No postponed annotations here: Dagster looks at those of the made-up assets.
"""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from dagster_pipeline.__main__ import main

FILE = """
version: 1
freshness: 1h
group: shop
sync: {mode: full}
columns: [{name: id, type: integer, primary_key: true}]
"""
NUMBERS = {
    "dagster/row_count": 1200,
    "rows": 30,
    "seconds": 2.5,
    "lag seconds": 61.0,
    "bytes": 4096,
    "summary": "x",
}

Samples = dict[tuple[str, str], float]


def parsed(text: str) -> Samples:
    """Values by metric, without our prefix, and by table, or by the only label."""
    return {
        (
            sample.name.removeprefix("dagster_pipeline_"),
            sample.labels.get("table") or next(iter(sample.labels.values()), ""),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance where `shop/orders` was loaded, `shop/items` failed, and `shop/new` was never tried."""
    folder = tmp_path / "schemas/postgres/shop"
    folder.mkdir(parents=True)
    for table in ("orders", "items", "new"):
        (folder / f"{table}.yml").write_text(FILE)
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("SCHEMAS_DIR", str(tmp_path / "schemas"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))

    @dg.asset(key=["shop", "orders"])
    def orders() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata=NUMBERS)

    @dg.asset(key=["shop", "items"])
    def items() -> dg.MaterializeResult:
        raise ValueError("broken")

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        for _ in range(2):
            dg.materialize([orders, items], instance=instance, raise_on_error=False)
    return tmp_path


def test_metrics_tell_what_runs_did(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics"]) == 0
    samples = parsed(capsys.readouterr().out)
    of_orders = {name: value for (name, table), value in samples.items() if table == "shop/orders"}
    assert of_orders.pop("table_last_success_timestamp_seconds") > 1.7e9
    assert of_orders == {
        "table_freshness_seconds": 3600,
        "table_failures_last_day": 0,
        "table_rows": 1200,
        "table_last_load_rows": 30,
        "table_last_load_bytes": 4096,
        "table_last_load_seconds": 2.5,
        "table_lag_seconds": 61,
        "table_late": 0,
    }
    assert samples["table_failures_last_day", "shop/items"] == 2
    assert ("table_last_success_timestamp_seconds", "shop/items") not in samples  # none, rather than 0
    assert samples["table_failures_last_day", "shop/new"] == 0
    assert samples["runs", "queued"] == 0
    assert samples["reading_seconds", ""] > 0


def test_a_textfile_is_replaced_in_one_piece(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = home / "pipeline.prom"
    target.write_text("old")
    assert main(["metrics", "--output", str(target)]) == 0
    assert ("table_rows", "shop/orders") in parsed(target.read_text())
    assert main(["metrics", "--output", str(home / "no/such/folder.prom")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert [path.name for path in home.glob("*.prom*")] == ["pipeline.prom"]


@contextmanager
def served() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The exporter as a process of its own, and its address."""
    command = [sys.executable, "-W", "ignore", "-m", "dagster_pipeline", "metrics", "--serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            yield process, process.stderr.readline().removeprefix("Serving ").strip()
        finally:
            process.terminate()


def test_the_exporter_answers(home: Path) -> None:
    with served() as (process, url):
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert ("table_rows", "shop/orders") in parsed(answer.read().decode())
        assert process.poll() is None


def test_a_broken_instance_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "dagster.yaml").write_text(
        "storage: {postgres: {postgres_db: {hostname: 127.0.0.1, port: 1, username: u, password: falcon-91, db_name: d}}}\n"
    )
    assert main(["metrics"]) == 1
    said = capsys.readouterr().err
    assert "Dagster's storage cannot be read" in said
    assert "falcon-91" not in said
