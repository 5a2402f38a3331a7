"""Answers that are asked for once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dagster_pipeline.connectors.sink.clickhouse.answers import Answers


class Server:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def rows(self, sql: str, parameters: Mapping[str, object] | None) -> list[tuple[Any, ...]]:
        self.asked.append(sql)
        if sql == "wrong":
            raise ValueError(sql)
        return [(sql, *(parameters or {}).values())]


def test_a_question_is_asked_once_and_its_parameters_belong_to_it() -> None:
    server, answers = Server(), Answers()
    one, another = answers.remembered(server.rows), answers.remembered(server.rows)
    assert [one("a", {"x": 1}), another("a", {"x": 1})] == [[("a", 1)], [("a", 1)]]
    assert another("a", {"x": 2}) == [("a", 2)]
    assert one("a", None) == [("a",)]
    assert server.asked == ["a", "a", "a"]


def test_an_error_is_asked_for_again() -> None:
    server = Server()
    ask = Answers().remembered(server.rows)
    for _ in range(2):
        with pytest.raises(ValueError, match="wrong"):
            ask("wrong", None)
    assert server.asked == ["wrong", "wrong"]


def test_the_answer_that_was_used_longest_ago_makes_room() -> None:
    server = Server()
    ask = Answers(kept=2).remembered(server.rows)
    for sql in ("a", "b", "a", "c", "a", "b"):
        ask(sql, None)
    assert server.asked == ["a", "b", "c", "b"]
