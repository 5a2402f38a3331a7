"""A database on a server that is started for one command and removed after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.servers.product import Product
from scripts.servers.provide import choose


@contextmanager
def scratch_database(product: Product, folder: Path, name: str) -> Iterator[str]:
    """Yield the URL of an empty database `name`; the server keeps its files in `folder` and is gone afterwards.

    Where `TEST_<PRODUCT>_URL` names a server, that one is used.
    """
    directory = folder / product.name
    directory.mkdir(mode=0o711)
    server = choose(product, directory, variable=f"TEST_{product.variable}", durable=False, ends_with_us=True)
    try:
        server.start()
        yield server.create_database(name)
    finally:
        server.remove()
