"""What makes ids differ between processes is refused in one process already."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import conftest
from tests.plain_ids import LONGEST, refused

FILE = "tests/unit/t.py"


@pytest.mark.parametrize(
    ("parameter", "why"),
    [
        pytest.param(repr(gzip.compress(b"x"))[2:-1], "control characters", id="bytes of gzip"),
        pytest.param("a" * (LONGEST + 1), f"more than {LONGEST}", id="too long"),
        pytest.param(repr(object()), "address of an object", id="an object"),
        pytest.param(str(Path.cwd() / "t.yml"), "directory of this machine", id="a path"),
        pytest.param(f"run {int(time.time())}", "present time", id="the time"),
    ],
)
def test_an_id_that_may_change_is_refused_with_a_cure(parameter: str, why: str) -> None:
    said = refused(f"{FILE}::test_it[postgres-{parameter}]")
    assert said.startswith(f"The id of {FILE}::test_it[...] ")
    assert why in said
    assert "Give the parameters ids" in said


@pytest.mark.parametrize(
    "parameter", ["a\nb\tc", "größer", "表", "C:\\x1f", "0x1F", "1234567890", "/etc/tmp.yml", "a, b / c"]
)
def test_odd_ids_that_stay_as_they_are_pass(parameter: str, request: pytest.FixtureRequest) -> None:
    assert not refused(request.node.nodeid)


def test_a_test_of_such_an_id_fails() -> None:
    item = SimpleNamespace(nodeid=f"{FILE}::test_it[\\x1f\\x8b]")
    with pytest.raises(pytest.fail.Exception, match=r"test_it\[...\] holds control characters"):
        conftest.pytest_runtest_setup(item)  # type: ignore[arg-type]
