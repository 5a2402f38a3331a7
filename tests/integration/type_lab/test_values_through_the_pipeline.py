"""Every value of the catalogue through the whole pipeline, in every mode, embedded and over HTTP, judged by the servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.type_lab.laboratory import Laboratory, Outcome


def wrong(outcomes: Iterator[Outcome]) -> list[Any]:
    done = list(outcomes)
    assert done
    return [outcome.wrong for outcome in done if outcome.wrong]


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_every_value_arrives_as_it_was_and_again_after_an_update(laboratory: Laboratory, mode: str) -> None:
    assert wrong(laboratory.exact(laboratory.database.cases, mode=mode)) == []


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_what_does_not_fit_is_clamped_and_counted(laboratory: Laboratory, mode: str) -> None:
    assert wrong(laboratory.clamped(laboratory.database.cases, mode=mode)) == []


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_what_does_not_fit_becomes_null_and_is_counted(laboratory: Laboratory, mode: str) -> None:
    assert wrong(laboratory.nulled(laboratory.database.cases, mode=mode)) == []


def test_what_does_not_fit_stops_the_run_before_a_row_arrives(laboratory: Laboratory) -> None:
    assert wrong(laboratory.refused(laboratory.database.cases, mode="full")) == []


def test_no_default_of_a_server_changes_a_value(laboratory: Laboratory) -> None:
    cases = laboratory.database.cases
    with laboratory.database.with_hostile_defaults():
        assert wrong(laboratory.exact(cases, mode="incremental")) == []
        assert wrong(laboratory.clamped(cases, mode="full")) == []
