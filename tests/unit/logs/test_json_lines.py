"""Log lines for machines."""

import json
import logging

import pytest

from dagster_pipeline.logs.json_lines import JsonLines


@pytest.fixture
def formatter(monkeypatch: pytest.MonkeyPatch) -> JsonLines:
    monkeypatch.setenv("POSTGRES_URL", "postgresql://reader:sesame%2Fopen@pg/")
    return JsonLines()


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("pipeline", logging.ERROR, "file.py", 1, message, arguments, None)
    made.__dict__.update(extra)
    return made


def test_a_line_is_one_object_without_secrets(formatter: JsonLines) -> None:
    facts = {"run_id": "r1", "job_name": "all_tables", "step_key": "amtdb__accounts", "other": 1}
    line = formatter.format(
        record("refused %s\nand sesame/open", "mysql://u:hunter2@h/d", dagster_meta=facts)
    )
    assert "\n" not in line
    assert json.loads(line) == {
        "time": json.loads(line)["time"],
        "level": "ERROR",
        "logger": "pipeline",
        "message": "refused mysql://u@h/d\nand ***",
        "run": "r1",
        "job": "all_tables",
        "step": "amtdb__accounts",
    }


def test_an_exception_is_scrubbed_and_whole(formatter: JsonLines) -> None:
    error = ValueError("x" * 1_000 + " sesame/open")
    made = record("failed", exc_info=(ValueError, error, None))
    exception = json.loads(formatter.format(made))["exception"]
    assert exception.startswith("ValueError: x")
    assert exception.endswith("x ***")
    assert "sesame" not in exception
