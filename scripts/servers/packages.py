"""Missing server programs from Debian's or Ubuntu's packages. No other package manager is tried."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.servers.process import ServerError
from scripts.servers.product import Product

SERVICE_POLICY = Path(
    "/usr/sbin/policy-rc.d"
)  # people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
NO_SERVICES = "#!/bin/sh\nexit 101\n"


def install(product: Product) -> None:
    """Install `product`'s packages when its programs are missing. Raises `ServerError` that says what to install."""
    if product.is_installed():
        return
    names = " ".join(product.packages)
    by_hand = f"Install {names} yourself, start Docker, or set {product.variable} to a server that runs."
    root = _root_command()
    if root is None or not shutil.which("apt-get"):
        raise ServerError(
            f"{product.title} is not on this machine, and it cannot be installed from here.", todo=by_hand
        )
    with _no_services(root):
        for command in (
            ["update", "-q"],
            ["install", "-y", "-q", "--no-install-recommends", *product.packages],
        ):
            _apt(root, command, todo=by_hand)
    if not product.is_installed():
        raise ServerError(f"The packages {names} brought no {product.title} server.", todo=by_hand)


def _root_command() -> list[str] | None:
    """What to put before a command that needs root: nothing, or sudo that asks nothing; `None` when there is no way."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    asked = subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True)
    return ["sudo", "-n"] if asked.returncode == 0 else None


def _apt(root: list[str], words: list[str], *, todo: str) -> None:
    result = subprocess.run(
        [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *words],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode:
        raise ServerError(f"apt-get {' '.join(words)} failed:\n{result.stdout[-1500:]}", todo=todo)


@contextmanager
def _no_services(root: list[str]) -> Iterator[None]:
    """Keep the packages from starting system services, which would take the default ports and run on for ever."""
    if SERVICE_POLICY.exists():
        yield
        return
    subprocess.run(
        [*root, "tee", str(SERVICE_POLICY)],
        input=NO_SERVICES,
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    subprocess.run([*root, "chmod", "755", str(SERVICE_POLICY)], check=True)
    try:
        yield
    finally:
        subprocess.run([*root, "rm", "-f", str(SERVICE_POLICY)], check=True)
