"""Starting, knowing and ending processes, with `sleep` and `sh` in a server's place."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from scripts.servers.process import (
    Account,
    ServerError,
    end,
    find_process,
    free_port,
    guard,
    is_free,
    kill,
    launch,
    run_to_end,
    wait_until_ended,
)

OURSELVES = Account()


@pytest.fixture
def stubborn(tmp_path: Path) -> psutil.Process:
    """A process that names `tmp_path` in its command line, ignores SIGTERM and has a child."""
    script = f"trap '' TERM; sleep 60 & echo ready; : {tmp_path}; wait"
    log = tmp_path / "log"
    pid = launch(["sh", "-c", script], account=OURSELVES, directory=tmp_path, log=log)
    while not log.read_text():
        time.sleep(0.01)
    return psutil.Process(pid)


def ended(*processes: psutil.Process, within: float) -> bool:
    return wait_until_ended(processes, seconds=within)


def test_a_process_that_names_another_directory_is_not_taken_for_ours(tmp_path: Path) -> None:
    assert find_process(os.getpid(), mark=tmp_path / "some" / "data") is None


def test_a_pid_that_nobody_has_is_not_taken_for_ours(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert find_process(gone.pid, mark=tmp_path) is None


def test_a_process_that_names_our_directory_is_ours_until_it_is_killed(
    stubborn: psutil.Process, tmp_path: Path
) -> None:
    assert find_process(stubborn.pid, mark=tmp_path) == stubborn
    kill(stubborn)
    assert find_process(stubborn.pid, mark=tmp_path) is None


def test_killing_a_server_kills_its_children(stubborn: psutil.Process) -> None:
    children = stubborn.children()
    kill(stubborn)
    assert children
    assert ended(*children, within=5)


def test_a_server_that_does_not_stop_when_asked_is_killed(stubborn: psutil.Process) -> None:
    end(stubborn, stop_signal=signal.SIGTERM, patience=0.2)
    assert ended(stubborn, within=5)


def test_a_server_does_not_hear_the_terminals_ctrl_c(stubborn: psutil.Process) -> None:
    assert os.getsid(stubborn.pid) != os.getsid(0)
    kill(stubborn)


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_guarded_server_ends_when_we_are_gone(tmp_path: Path, death: signal.Signals) -> None:
    program = (
        "import signal, sys, time\n"
        "from pathlib import Path\n"
        "from scripts.servers.process import Account, guard, launch\n"
        "here = Path(sys.argv[1])\n"
        "pid = launch(['sleep', '60'], account=Account(), directory=here, log=here / 'log')\n"
        "watch = guard(pid, stop_signal=signal.SIGTERM)\n"
        "print(pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert starter.stdout
    server = psutil.Process(int(starter.stdout.readline()))
    starter.send_signal(death)
    starter.wait()
    starter.stdout.close()
    assert ended(server, within=60)


def test_a_guard_that_was_let_go_leaves_the_server_alone(stubborn: psutil.Process) -> None:
    watch = guard(stubborn.pid, stop_signal=signal.SIGKILL)
    watch.kill()
    watch.communicate()
    assert not ended(stubborn, within=0.2)
    kill(stubborn)


def test_a_failed_setup_program_says_what_it_printed(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"(?s)code 3.*the disk is full"):
        run_to_end(["sh", "-c", "echo the disk is full >&2; exit 3"], account=OURSELVES, directory=tmp_path)


def test_a_servers_environment_holds_none_of_the_developers_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    run_to_end(["sh", "-c", 'test -z "${PGPORT:-}"'], account=OURSELVES, directory=tmp_path)


def test_temporary_files_of_a_server_that_is_set_up_lie_in_its_own_directory(tmp_path: Path) -> None:
    """mariadb-install-db deletes the temporary tables of every server that shares its directory for them."""
    run_to_end(["sh", "-c", 'touch "$TMPDIR/mine"'], account=OURSELVES, directory=tmp_path)
    assert (tmp_path / "mine").exists()


def test_a_free_port_is_free_until_somebody_listens() -> None:
    port = free_port()
    assert is_free(port)
    program = (
        f"import socket; s = socket.create_server(('127.0.0.1', {port})); print('ready', flush=True); input()"
    )
    listener = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert listener.stdout
    listener.stdout.readline()
    assert not is_free(port)
    listener.communicate(b"\n")


def test_an_account_does_not_reach_what_lies_below_a_private_directory(tmp_path: Path) -> None:
    below = tmp_path / "private" / "below"
    below.mkdir(parents=True)
    (tmp_path / "private").chmod(0o700)
    assert not Account("somebody", 65534, 65534).reaches(below)
    assert OURSELVES.reaches(below)


def test_a_dead_process_that_nobody_buried_has_ended(tmp_path: Path) -> None:
    unburied = subprocess.Popen(["true", str(tmp_path)])
    while psutil.Process(unburied.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    started = time.monotonic()
    end(psutil.Process(unburied.pid), stop_signal=signal.SIGTERM)
    assert time.monotonic() - started < 15  # of the 30 that a living one has to end
    assert find_process(unburied.pid, mark=tmp_path) is None
    unburied.wait()
