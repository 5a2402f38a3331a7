"""Servers that are started for one command or one session of tests, and removed after it.

Where `TEST_<PRODUCT>_URL` names a server, that one is used.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.servers.product import Product
from scripts.servers.provide import choose
from scripts.servers.server import Server


@contextmanager
def scratch_server(product: Product) -> Iterator[Server]:
    """A running server whose files are gone afterwards."""
    # In the system's own temporary directory: others may be closed to the server, which can be another user.
    directory = Path(tempfile.mkdtemp(prefix=f"dagster-pipeline-{product.name}-"))
    directory.chmod(0o711)
    server = choose(product, directory, variable=f"TEST_{product.variable}", durable=False, ends_with_us=True)
    try:
        server.start()
        yield server
    finally:
        server.remove()
        shutil.rmtree(directory)


@contextmanager
def scratch_database(product: Product, name: str) -> Iterator[str]:
    """The URL of an empty database on such a server."""
    with scratch_server(product) as server:
        yield server.create_database(name)
