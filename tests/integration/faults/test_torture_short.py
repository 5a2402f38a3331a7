"""A short `make torture`: two seeded scenarios with the faults that are worst. The long one plays all, many times."""

from __future__ import annotations

import pytest

from tests.faults.scenario import Scenario, play
from tests.faults.source_table import Shape

ROWS = 3_000
SCENARIOS = (
    Scenario(1, "postgres", Shape.INCREMENTAL, True, ("killed", "source_dies", "warehouse_line")),
    Scenario(2, "mysql", Shape.APPEND_BY_TIME, False, ("source_line", "killed_around_a_call", "state_gone")),
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_nothing_is_lost_doubled_or_wrong_whatever_dies(
    scenario: Scenario, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(
        "postgres_server" if scenario.dialect == "postgres" else "mariadb_server"
    )
    outcome = play(scenario, server, rows=ROWS)
    assert outcome.is_good, str(outcome)
    assert outcome.injected, "no fault has struck"
    assert outcome.rows > ROWS, "the writer wrote nothing"
