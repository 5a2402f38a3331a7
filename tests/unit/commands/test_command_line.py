"""The one command line: its help, what it imports, what it says of mistakes, and how it is coloured."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from dagster_pipeline.__main__ import COMMANDS, command_of, main

REPOSITORY = Path(__file__).parents[3]
GOOD = """
version: 1
sync: {cursor: at}
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: at, type: datetime}
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "schemas" / "mysql" / "shop"
    folder.mkdir(parents=True)
    (folder / "orders.yml").write_text(GOOD)
    monkeypatch.setenv("SCHEMAS_DIR", str(tmp_path / "schemas"))
    monkeypatch.setenv("STATE_URL", f"sqlite:///{tmp_path / 'state.sqlite'}")
    return tmp_path


def modules_after(command: str) -> set[str]:
    """What a fresh interpreter has imported after this command."""
    code = (
        f"import sys, json; from dagster_pipeline.__main__ import main; main({command!r}.split());"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_validate_imports_no_driver_and_no_dagster(files: Path) -> None:
    heavy = {"dagster", "sqlalchemy", "clickhouse_connect", "pymysql", "psycopg2", "pyarrow", "chdb", "rich"}
    assert not modules_after("validate") & heavy


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_of(name).name == name
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    assert command_of(name).summary in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("words", [["--help"], ["validate", "--no-such"], ["nothing"], []])
def test_help_and_wrong_usage_have_the_usual_exit_codes(words: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == (0 if words == ["--help"] else 2)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert all(command_of(name).summary in out for name in COMMANDS)


def on_a_terminal(*words: str, **variables: str) -> str:
    """What a command writes when its standard output is a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", **variables}
    subprocess.run(
        [sys.executable, "-m", "dagster_pipeline", *words],
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=REPOSITORY,
        check=True,
    )
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 4096):
            written += chunk
    except OSError:  # Linux's way to say that the other side is closed
        pass
    os.close(ours)
    return written.decode()


def test_colour_is_for_terminals_only(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    plain = capsys.readouterr().out
    assert "\x1b" not in plain
    assert "shop/orders  never loaded" in plain
    assert "\x1b[" in on_a_terminal("status")
    assert "\x1b[3" not in on_a_terminal("status", NO_COLOR="1")


def test_status_can_be_asked_by_a_machine(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json", "--check"]) == 1
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    assert (table["table"], table["standing"], table["rows"]) == ("shop/orders", "never loaded", None)
