"""What the two database products have in common, as seen by those who start them. No process is started here."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlsplit

from scripts.servers.process import Account


class Product(ABC):
    """One database product: how to lay out its data, how to run it, how to talk to it.

    Attributes:
        name: also the name of its folder.
        title: for people.
        scheme: of its URLs.
        administrator: the user that everything here connects as.
        variable: environment variable that names a server to use instead of starting one.
        accounts: users of the operating system to run as, best first.
        packages: Debian packages that bring its programs.
        image, container_port: of its Docker image.
        stop_signal: ends it without waiting for its clients.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    scheme: ClassVar[str]
    administrator: ClassVar[str]
    variable: ClassVar[str]
    accounts: ClassVar[tuple[str, ...]]
    packages: ClassVar[tuple[str, ...]]
    image: ClassVar[str]
    container_port: ClassVar[int]
    stop_signal: ClassVar[signal.Signals]

    def url(self, *, port: int, password: str) -> str:
        """The administrative URL of a server on this machine; it ends with a slash."""
        return f"{self.scheme}://{self.administrator}:{quote(password, safe='')}@127.0.0.1:{port}/"

    @abstractmethod
    def is_installed(self) -> bool:
        """Whether all programs that `initialise` and `command` need are on this machine."""

    @abstractmethod
    def initialise(self, data: Path, *, account: Account, password: str, durable: bool) -> None:
        """Lay out an empty data directory in `data`, whose parent belongs to `account`. Raises `ServerError`."""

    @abstractmethod
    def command(self, data: Path, *, port: int, durable: bool) -> list[str]:
        """The server's command line, which contains `data` as a word or part of one."""

    @abstractmethod
    def before_start(self, data: Path, *, account: Account, password: str) -> None:
        """Clear away what a crash left behind, and write the files that the server reads at its start."""

    @abstractmethod
    def container_environment(self, password: str) -> Mapping[str, str]:
        """Variables that the Docker image takes its password from."""

    @abstractmethod
    def check(self, url: str) -> None:
        """Ask the server for a simple answer. Raises any exception when it does not give one."""

    @abstractmethod
    def create_database(self, url: str, name: str) -> None:
        """Create an empty database, in place of an old one of that name."""


def with_database(url: str, name: str) -> str:
    """The same server's URL for another database; options are kept."""
    return urlsplit(url)._replace(path=f"/{quote(name, safe='')}").geturl()
