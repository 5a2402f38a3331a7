"""The line that misbehaves does what its fates say, and nothing to a connection that has none."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.tcp_proxy import Fate, Kind, TcpProxy

ANSWER = bytes(range(256)) * 4_000


@pytest.fixture
def line() -> Iterator[TcpProxy]:
    """A line to a server that waits for a question and then sends `ANSWER`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    def answer(client: socket.socket) -> None:
        try:
            while client.recv(4_096):
                client.sendall(ANSWER)
        except OSError:
            pass
        finally:
            client.close()

    threading.Thread(target=serve, daemon=True).start()
    with TcpProxy("127.0.0.1", listener.getsockname()[1]) as line:
        yield line
    listener.close()


def ask(line: TcpProxy, question: bytes = b"question") -> bytes:
    """The answer, or what of it came before the connection ended. Raises `ConnectionError` for a reset."""
    with socket.create_connection(("127.0.0.1", line.port), timeout=30) as client:
        client.sendall(question)
        got = b""
        while len(got) < len(ANSWER) and (data := client.recv(65_536)):
            got += data
        return got


def test_a_connection_without_a_fate_passes_untouched(line: TcpProxy) -> None:
    line.plan([None, Fate(Kind.CUT)])
    assert ask(line) == ANSWER
    assert line.struck == []


@pytest.mark.parametrize("kind", [Kind.REFUSE, Kind.CUT, Kind.STALL])
def test_a_connection_is_reset_and_the_next_one_is_not(line: TcpProxy, kind: Kind) -> None:
    line.plan([Fate(kind, after_bytes=1_000, seconds=0.1)])
    with pytest.raises(ConnectionError):
        ask(line)
    assert [fate.kind for fate in line.struck] == [kind]
    assert ask(line) == ANSWER


def test_an_answer_is_truncated_to_the_byte_and_ends_in_order(line: TcpProxy) -> None:
    line.plan([Fate(Kind.TRUNCATE, after_bytes=100_001)])
    assert ask(line) == ANSWER[:100_001]


def test_a_delay_changes_nothing_but_the_time(line: TcpProxy) -> None:
    line.plan([Fate(Kind.DELAY, after_bytes=10, seconds=0.3)])
    began = time.monotonic()
    assert ask(line) == ANSWER
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("answered", [False, True])
def test_a_question_or_its_answer_is_lost_by_its_words(line: TcpProxy, answered: bool) -> None:
    called: list[int] = []
    line.plan(
        [
            Fate(Kind.CUT, word=b"EXCHANGE", answered=answered),
            Fate(Kind.CALL, word=b"x", call=lambda: called.append(1)),
        ]
    )
    with pytest.raises(ConnectionError):
        ask(line, b"please EXCHANGE")
    assert (ask(line, b"x"), called) == (ANSWER, [1])


def test_a_cut_line_lets_nothing_through_until_it_is_mended(line: TcpProxy) -> None:
    line.cut()
    with pytest.raises(ConnectionError):
        ask(line)
    line.mend()
    assert ask(line) == ANSWER
