"""A question that must be answered soon: a sensor's tick may not wait for a place that does not answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from dagster_pipeline.errors import RetriableError

SECONDS = 2.0

Answer = TypeVar("Answer")


class Asking(Generic[Answer]):
    """Asks one place, in a thread of its own that is left behind when the time is up. One question at a time."""

    def __init__(self, where: str, *, seconds: float = SECONDS) -> None:
        """`where` names the place in errors."""
        self._where = where
        self._seconds = seconds
        self._thread: threading.Thread | None = None

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """The answer, or what asking raised. Raises `RetriableError` when there is none in time."""
        if self._thread is not None and self._thread.is_alive():
            raise RetriableError(
                f"The {self._where}: an earlier question is still not answered.",
                todo="The next tick tries again.",
            )
        answer: Future[Answer] = Future()
        self._thread = threading.Thread(
            target=_answer, args=(question, answer), name=self._where, daemon=True
        )
        self._thread.start()
        try:
            return answer.result(self._seconds)
        except TimeoutError:
            if answer.done():  # the question itself raised it
                raise
            raise RetriableError(
                f"The {self._where} gave no answer within {self._seconds:g} s.",
                todo="The next tick tries again; make the query faster, or look at the place.",
            ) from None


def _answer(question: Callable[[], Answer], answer: Future[Answer]) -> None:
    try:
        answer.set_result(question())
    except BaseException as error:  # noqa: BLE001 -- it belongs to whoever asks
        answer.set_exception(error)
