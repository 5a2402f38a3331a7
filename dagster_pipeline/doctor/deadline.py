"""Runs examinations side by side, and waits for none of them longer than it may."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeAlias

from dagster_pipeline.doctor.diagnosis import Diagnosis, Level
from dagster_pipeline.errors import ConfigurationError, PipelineError

Examination: TypeAlias = Callable[[], Iterable[Diagnosis]]


def examine_all(
    examinations: Mapping[str, Examination], *, seconds: float, bounded: Collection[str] = ()
) -> list[Diagnosis]:
    """Every finding, in the order of the examinations; one that takes longer is a finding itself.

    Those named in `bounded` keep to a time of their own, and are waited for.

    Each runs in a thread of its own that does not keep the process alive: a driver that waits for a silent server
    cannot be interrupted, only left behind.
    """
    found: dict[str, list[Diagnosis]] = {}

    def run(subject: str, examination: Examination) -> None:
        found[subject] = _examined(subject, examination)

    threads = {
        subject: threading.Thread(
            target=run, args=(subject, examination), name=f"doctor {subject}", daemon=True
        )
        for subject, examination in examinations.items()
    }
    deadline = time.monotonic() + seconds
    for thread in threads.values():
        thread.start()
    for subject, thread in threads.items():
        thread.join(None if subject in bounded else max(0.0, deadline - time.monotonic()))
    return [one for subject in examinations for one in found.get(subject) or [_silent(subject, seconds)]]


def _examined(subject: str, examination: Examination) -> list[Diagnosis]:
    try:
        return list(examination())
    except ConfigurationError as error:
        return [Diagnosis(subject, "connection", Level.FAIL, error.what, error.todo)]
    except PipelineError as error:
        return [Diagnosis(subject, "connection", Level.FAIL, error.what, error.todo, {"passing": True})]


def _silent(subject: str, seconds: float) -> Diagnosis:
    return Diagnosis(
        subject,
        "connection",
        Level.FAIL,
        f"No answer within {seconds:.0f} s.",
        "Check that the server runs and is not overloaded, and that no firewall drops the way to it.",
    )
