"""The faults: each function lets one run suffer in one way, and says how such a run may end.

A cut line, a dead server and a locked store pass: the run ends well or with a `RetriableError`, nothing else. A store that
may not be written, or that vanishes under a run, is a person's to mend: a `ConfigurationError`.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from random import Random

from tests.faults.loader import Ended
from tests.faults.source_table import Shape
from tests.faults.stage import Stage, wait
from tests.faults.tcp_proxy import Fate, Kind, TcpProxy

PASSING = ("well", "RetriableError")
MOST_CONNECTIONS = 14
"""Runs of these tables make about so many connections to the source at most."""

LOCK_SECONDS = 2
"""Of runs that are frozen."""

STATEMENTS = (b"INSERT", b"CREATE TABLE", b"SELECT", b"DROP", b"INSERT")
CALLS = {
    "store": ("open_load", "next_version", "start_chunk", "commit_chunk", "close_load"),
    "sink": ("ensure_table", "write", "count_rows"),
    "sink, full": ("create_staging", "swap", "drop", "table_id"),
}


def killed(stage: Stage, rng: Random) -> None:
    """SIGKILL at a random moment."""
    _signalled(stage, rng, signal.SIGKILL, "killed", "well")


def interrupted(stage: Stage, rng: Random) -> None:
    """SIGTERM at a random moment; before the program has begun it ends like a kill."""
    _signalled(stage, rng, signal.SIGTERM, "interrupted", "killed", "well")


def killed_around_a_call(stage: Stage, rng: Random) -> None:
    """SIGKILL just before or after a call of the store or the sink, the worst moments there are."""
    calls = CALLS["store"] + CALLS["sink"]
    if stage.table.shape in {Shape.FULL, Shape.FULL_WITHOUT_KEY}:
        calls = CALLS["sink, full"] + calls
    call = rng.choice(calls)
    nth = rng.randint(1, 6) if "chunk" in call or call == "write" else 1
    when = rng.choice(("before", "after"))
    ended = stage.start(die_at={"call": call, "when": when, "nth": nth}).end()
    _judged(stage, f"kill {when} {call}", ended, ended.how == "killed", "killed", "well")


def frozen(stage: Stage, rng: Random) -> None:
    """A run stands still for longer than its lock lasts and wakes up beside the one that took over."""
    first = stage.start(lock_seconds=LOCK_SECONDS)
    _wait_for_a_moment(stage, rng, first.wait_until)
    struck = first.kill(signal.SIGSTOP)
    wait(LOCK_SECONDS * 1.5 if struck else 0)
    second = stage.start(lock_seconds=LOCK_SECONDS)
    if stage.front is None:  # the embedded warehouse is held by the first as long as it lives
        wait(rng.uniform(0.5, 2.0))
    else:
        _wait_for_a_moment(stage, rng, second.wait_until)
    first.kill(signal.SIGCONT)
    _judged(stage, "the run that took over", second.end(), False, *PASSING)
    _judged(stage, "frozen", first.end(), struck, *PASSING)


def source_line(stage: Stage, rng: Random) -> None:
    """Connections to the source are refused, cut, cut short, silent or slow."""
    stage.source_line.plan(_fate(rng) if rng.random() < 0.6 else None for _ in range(MOST_CONNECTIONS))
    _on_a_line(stage, stage.source_line, "source line")


def warehouse_line(stage: Stage, rng: Random) -> None:
    """The same on the way to the warehouse; requests and answers are lost by their words, too."""
    if stage.front is None:
        return killed_around_a_call(stage, rng)
    words = STATEMENTS
    if stage.table.shape in {Shape.FULL, Shape.FULL_WITHOUT_KEY}:
        words = (b"EXCHANGE", b"RENAME", b"EXCHANGE", *words)
    fates = [
        Fate(rng.choice((Kind.CUT, Kind.TRUNCATE, Kind.STALL)), word=rng.choice(words), answered=rng.random() < 0.6,
             seconds=rng.uniform(0.2, 1.5))
        if rng.random() < 0.7
        else _fate(rng)
        for _ in range(rng.randint(1, 5))
    ]  # fmt: skip
    stage.front.line.plan(fates)
    return _on_a_line(stage, stage.front.line, "warehouse line")


def source_dies(stage: Stage, rng: Random) -> None:
    """kill -9 of the source server in the middle of a run; it is back a moment later."""
    if stage.server.process is None:  # somebody else's, it may not be killed
        return source_line(stage, rng)
    run = stage.start()
    _wait_for_a_moment(stage, rng, run.wait_until)
    stage.server.kill()
    struck = run.is_alive()
    wait(rng.uniform(0.0, 0.5))
    stage.restart_server()
    return _judged(stage, "source server killed", run.end(), struck, *PASSING)


def warehouse_dies(stage: Stage, rng: Random) -> None:
    """kill -9 of the warehouse at a moment or a statement; it is back a moment later."""
    front = stage.front
    if front is None:
        return killed(stage, rng)
    killed_now = threading.Event()

    def kill() -> None:
        front.kill()
        killed_now.set()

    by_word = rng.random() < 0.6
    if by_word:
        word, answered = rng.choice((b"INSERT", b"EXCHANGE", b"CREATE TABLE")), rng.random() < 0.5
        front.line.plan([Fate(Kind.CALL, word=word, answered=answered, call=kill)] * 3)
    run = stage.start()
    if by_word:
        run.wait_until(killed_now.is_set)
    else:
        _wait_for_a_moment(stage, rng, run.wait_until)
        kill()
    front.line.plan([])
    struck = killed_now.is_set() and run.is_alive()
    wait(rng.uniform(0.0, 0.3))
    front.restart()
    return _judged(stage, "warehouse killed", run.end(), struck, *PASSING)


def state_locked(stage: Stage, rng: Random) -> None:
    """Another program keeps the state store for a while, for longer than a run waits or not."""
    run = stage.start()
    _wait_for_a_moment(stage, rng, run.wait_until)
    if not stage.state_file.exists():
        _judged(stage, "state locked", run.end(), False, "well")
        return
    with stage.locked_state():
        struck = run.is_alive()
        wait(rng.choice((0.5, 3.0)))
    _judged(stage, "state locked", run.end(), struck, *PASSING)


def state_read_only(stage: Stage, _rng: Random) -> None:
    """The run's user may not write the state store."""
    if not stage.state_file.exists():
        _judged(stage, "no fault", stage.start().end(), False, "well")
    with stage.read_only_state() as facts:
        _judged(stage, "state read-only", stage.start(**facts).end(), True, "ConfigurationError")


def state_gone(stage: Stage, rng: Random) -> None:
    """The state store is deleted, between two runs or under one."""
    if rng.random() < 0.5:
        run = stage.start()
        _wait_for_a_moment(stage, rng, run.wait_until)
        stage.forget_state()
        _judged(
            stage, "state gone under a run", run.end(), True, "well", "ConfigurationError", "RetriableError"
        )
    stage.forget_state()
    wanted = _after_a_loss(stage)
    ended = _judged(stage, "state gone", stage.start().end(), True, *wanted)
    if ended.how == "ConfigurationError":
        _judged(stage, "full refresh", stage.start(full_refresh=True).end(), False, "well")


def table_gone(stage: Stage, rng: Random) -> None:
    """Somebody drops the table in the warehouse, after a run that died or one that ended well."""
    if rng.random() < 0.5:
        killed(stage, rng)
    _judged(stage, "table dropped", stage.start(drop=["shop", "orders"]).end(), True, "well")
    _judged(stage, "a run after the drop", stage.start().end(), False, "well")


FAULTS: Mapping[str, Callable[[Stage, Random], None]] = {
    function.__name__: function
    for function in (
        killed,
        interrupted,
        killed_around_a_call,
        frozen,
        source_line,
        warehouse_line,
        source_dies,
        warehouse_dies,
        state_locked,
        state_read_only,
        state_gone,
        table_gone,
    )
}


def _after_a_loss(stage: Stage) -> tuple[str, ...]:
    """An append table whose position is lost cannot be read on without doubling rows, so that is refused."""
    return ("well", "ConfigurationError") if stage.table.shape.only_grows else ("well",)


def _signalled(stage: Stage, rng: Random, number: signal.Signals, *allowed: str) -> None:
    run = stage.start()
    _wait_for_a_moment(stage, rng, run.wait_until)
    struck = run.kill(number)
    _judged(stage, number.name, run.end(), struck, *allowed)


def _wait_for_a_moment(stage: Stage, rng: Random, wait_until: Callable[[Callable[[], bool]], bool]) -> None:
    """Some connection to the source, and then a little."""
    wanted = stage.source_line.connections + rng.randint(1, stage.usual_connections)
    pause = rng.choice((0.0, rng.uniform(0.0, 0.4)))
    if wait_until(lambda: stage.source_line.connections >= wanted):
        wait(pause)


def _on_a_line(stage: Stage, line: TcpProxy, name: str) -> None:
    before = len(line.struck)
    ended = stage.start().end()
    line.plan([])
    for fate in line.struck[before:]:
        stage.injected[f"{name}: {fate.kind}{' at a statement' if fate.word else ''}"] += 1
    stage.judge(f"{name} ({', '.join(map(str, line.struck[before:]))})", ended, *PASSING)


def _fate(rng: Random) -> Fate:
    kind = rng.choice((Kind.REFUSE, Kind.CUT, Kind.CUT, Kind.TRUNCATE, Kind.STALL, Kind.DELAY))
    size = int(10 ** rng.uniform(0, rng.choice((3.5, 5.6))))
    return Fate(kind, after_bytes=size, upstream=rng.random() < 0.2, seconds=rng.uniform(0.2, 2.0))


def _judged(stage: Stage, fault: str, ended: Ended, struck: bool, *allowed: str) -> Ended:
    if struck:
        stage.injected[fault] += 1
    return stage.judge(fault, ended, *allowed)
