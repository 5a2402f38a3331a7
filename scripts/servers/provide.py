"""Which server to use: one that a variable names, else a Docker engine's, else one of installed programs."""

from __future__ import annotations

import os
from pathlib import Path

from scripts.servers.docker_server import DockerServer, docker_answers
from scripts.servers.local_server import LocalServer
from scripts.servers.product import Product
from scripts.servers.server import GivenServer, Server


def choose(
    product: Product, directory: Path, *, variable: str, durable: bool = True, dies_with_us: bool = False
) -> Server:
    """The server to use; it is not started yet.

    Args:
        directory: where a server of ours keeps its data and its record.
        variable: environment variable that may hold the URL of a server that others run.
        durable, dies_with_us: see `LocalServer`.
    """
    given = os.environ.get(variable)
    if given:
        return GivenServer(product, given, variable=variable)
    if docker_answers():
        return DockerServer(product, directory)
    return LocalServer(product, directory, durable=durable, dies_with_us=dies_with_us)
