"""One running database server, however it came to be: the interface of `provide`, and the server that others run."""

from __future__ import annotations

from abc import ABC, abstractmethod

import psutil

from scripts.servers.process import ServerError
from scripts.servers.product import Product, with_database


class Server(ABC):
    """A database server that can be asked for new databases."""

    def __init__(self, product: Product) -> None:
        self.product = product

    @property
    @abstractmethod
    def url(self) -> str:
        """The administrative URL, which holds a password and ends with a slash or a database's name."""

    @property
    @abstractmethod
    def origin(self) -> str:
        """Where it runs, for people; holds no secret."""

    def install(self) -> None:  # noqa: B027 - only some servers need anything
        """Install what `start` needs, which may take minutes. Raises `ServerError`."""

    @abstractmethod
    def start(self) -> None:
        """Return when the server answers; one that runs already is reused. Raises `ServerError`."""

    @abstractmethod
    def stop(self) -> None:
        """End the server if it is ours and runs; the data stays."""

    @abstractmethod
    def kill(self) -> None:
        """End the server as a crash would. Raises `ServerError` when it is not ours."""

    @abstractmethod
    def remove(self) -> None:
        """End the server if it is ours, and delete its data."""

    @property
    def process(self) -> psutil.Process | None:
        """The server's process, `None` when it is not one of this machine or does not run."""
        return None

    def restart(self) -> None:
        """Stop and start; port, password and data stay."""
        self.stop()
        self.start()

    def create_database(self, name: str) -> str:
        """The URL of a new empty database, which replaces an old one of that name."""
        self.product.create_database(self.url, name)
        return with_database(self.url, name)


class GivenServer(Server):
    """A server that an environment variable names. Others run it, so it is never stopped here."""

    def __init__(self, product: Product, url: str, *, variable: str) -> None:
        super().__init__(product)
        self._url = url
        self._variable = variable

    @property
    def url(self) -> str:
        """See `Server.url`."""
        return self._url

    @property
    def origin(self) -> str:
        """See `Server.origin`."""
        return f"the server that {self._variable} names"

    def start(self) -> None:
        """Make sure that it answers."""
        try:
            self.product.check(self._url)
        except Exception as error:
            raise ServerError(
                f"{self.origin} does not answer: {error}",
                todo=f"Correct {self._variable}, or unset it to have a server started.",
            ) from error

    def stop(self) -> None:
        """Leave it running."""

    def remove(self) -> None:
        """Leave it running, with its data."""

    def kill(self) -> None:
        """Refuse."""
        raise ServerError(f"{self.origin} is not ours to kill.")
