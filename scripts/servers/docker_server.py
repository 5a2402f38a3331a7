"""A database server in a container of a Docker engine that answers. Its data lives in the container until `remove`."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path

from scripts.servers.process import ServerError
from scripts.servers.product import Product
from scripts.servers.server import Server

START_SECONDS = 180.0  # the first start lays out the data directory


def docker_answers() -> bool:
    """Whether a Docker engine can be used from here."""
    if not shutil.which("docker"):
        return False
    try:
        return (
            subprocess.run(["docker", "info"], check=False, capture_output=True, timeout=20).returncode == 0
        )
    except subprocess.TimeoutExpired:
        return False


class DockerServer(Server):
    """A container that is named after the directory it is for, so a second start finds it again."""

    def __init__(self, product: Product, directory: Path) -> None:
        """Nothing is started yet. `directory` gets the password's file (mode 600)."""
        super().__init__(product)
        directory.mkdir(parents=True, exist_ok=True)
        self._secret = directory.absolute() / f"{product.name}.container"
        self._container = (
            f"dagster-pipeline-{product.name}-{hashlib.sha256(str(self._secret).encode()).hexdigest()[:12]}"
        )

    @property
    def url(self) -> str:
        """See `Server.url`."""
        published = _docker("port", self._container, str(self.product.container_port))
        return self.product.url(
            port=int(published.splitlines()[0].rpartition(":")[2]), password=self._secret.read_text()
        )

    @property
    def origin(self) -> str:
        """See `Server.origin`."""
        return f"container {self._container}"

    def start(self) -> None:
        """See `Server.start`."""
        if self._exists() and self._secret.exists():
            _docker("start", self._container)  # does nothing when it runs
        else:
            self.remove()
            self._create()
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.product.check(self.url)
            except Exception as error:
                if time.monotonic() > deadline:
                    raise ServerError(
                        f"{self.origin} does not answer: {error}", todo=f"See: docker logs {self._container}"
                    ) from error
                time.sleep(0.5)
            else:
                return

    def stop(self) -> None:
        """See `Server.stop`."""
        if self._exists():
            _docker("stop", self._container)

    def kill(self) -> None:
        """See `Server.kill`."""
        _docker("kill", self._container)

    def remove(self) -> None:
        """Delete the container, its data and its password."""
        if self._exists():
            _docker("rm", "--force", "--volumes", self._container)
        self._secret.unlink(missing_ok=True)

    def _exists(self) -> bool:
        return bool(_docker("ps", "--all", "--quiet", "--filter", f"name=^{self._container}$"))

    def _create(self) -> None:
        password = secrets.token_urlsafe(18)
        self._secret.touch(mode=0o600)
        self._secret.write_text(password)
        variables = self.product.container_environment(password)
        # `--env NAME` without a value takes it from our environment: the password is in no command line.
        names = [word for name in variables for word in ("--env", name)]
        port = f"127.0.0.1::{self.product.container_port}"
        _docker(
            "run",
            "--detach",
            "--name",
            self._container,
            "--publish",
            port,
            *names,
            self.product.image,
            **variables,
        )


def _docker(*words: str, **variables: str) -> str:
    result = subprocess.run(
        ["docker", *words], check=False, capture_output=True, text=True, env={**os.environ, **variables}
    )
    if result.returncode:
        raise ServerError(
            f"docker {words[0]} failed: {result.stderr.strip()[-1000:]}",
            todo="Is the Docker engine healthy, and can it fetch images?",
        )
    return result.stdout.strip()
