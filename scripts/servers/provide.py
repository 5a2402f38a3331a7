"""Which server to use: one that a variable names, else a Docker engine's, else one of installed programs."""

from __future__ import annotations

import os
from pathlib import Path

from scripts.servers.docker_server import DockerServer, docker_answers
from scripts.servers.local_server import LocalServer
from scripts.servers.product import Product
from scripts.servers.server import GivenServer, Server


def choose(
    product: Product, directory: Path, *, variable: str, durable: bool = True, ends_with_us: bool = False
) -> Server:
    """The server to use, not started yet.

    The environment's `variable` may hold the URL of a server that others run; one of ours keeps its data and its record
    in `directory`. For `durable` and `ends_with_us` see `LocalServer`.
    """
    given = os.environ.get(variable)
    if given:
        return GivenServer(product, given, variable=variable)
    if docker_answers():
        return DockerServer(product, directory)
    return LocalServer(product, directory, durable=durable, ends_with_us=ends_with_us)


def ours(product: Product, directory: Path) -> list[Server]:
    """The servers that `choose` may have started for `directory` at any time, running or not."""
    servers: list[Server] = [LocalServer(product, directory)]
    if docker_answers():
        servers.append(DockerServer(product, directory))
    return servers
