"""An S3 server for tests and benchmarks: moto's, as a process of its own that speaks the real protocol on 127.0.0.1.

It keeps objects in memory and is no product: one process in Python, without a second of the real thing's speed.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import boto3

from scripts.servers.process import ServerError, free_port, guard

START_SECONDS = 180.0


@contextmanager
def running_s3(*, credentials: str = "testing:s3cret") -> Iterator[str]:
    """A server that ends with the context, or with this process; gives `http://KEY:SECRET@host:port/`.

    It takes any `KEY:SECRET`: it is there for tests that look where a secret may not stand.
    """
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watch = guard(process.pid, stop_signal=signal.SIGTERM)
    try:
        _wait_for(port, process)
        yield f"http://{credentials}@127.0.0.1:{port}/"
    finally:
        watch.kill()
        watch.wait()
        process.terminate()
        process.wait()


def endpoint_of(url: str) -> str:
    """The server of such an address, without key, secret and bucket."""
    parts = urlsplit(url)
    return f"http://{parts.hostname}:{parts.port}"


def client_of(url: str) -> Any:
    """boto3's client for such an address."""
    parts = urlsplit(url)
    return boto3.client(
        "s3",
        endpoint_url=endpoint_of(url),
        region_name="us-east-1",
        aws_access_key_id=parts.username,
        aws_secret_access_key=parts.password,
    )


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise ServerError("The S3 server did not start.")
