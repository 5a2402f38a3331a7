"""Certificates for tests, made by openssl: an authority, a server's certificate for a host name, another authority."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """Files in one directory.

    Attributes:
        authority: signed the server's certificate.
        stranger: an authority that did not.
        certificate, key: the server's, for the name `localhost` only.
    """

    authority: Path
    stranger: Path
    certificate: Path
    key: Path


def make(directory: Path) -> Certificates:
    """All of them, valid for a day."""
    for name in ("authority", "stranger"):
        _openssl(
            f"req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN={name}"
            f" -keyout {directory}/{name}.key -out {directory}/{name}.pem"
        )
    _openssl(
        f"req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout {directory}/server.key -out {directory}/server.csr"
    )
    (directory / "names").write_text("subjectAltName = DNS:localhost\n")
    _openssl(
        f"x509 -req -days 1 -in {directory}/server.csr -CA {directory}/authority.pem -CAkey {directory}/authority.key"
        f" -CAcreateserial -extfile {directory}/names -out {directory}/server.pem"
    )
    return Certificates(
        authority=directory / "authority.pem",
        stranger=directory / "stranger.pem",
        certificate=directory / "server.pem",
        key=directory / "server.key",
    )


def _openssl(words: str) -> None:
    subprocess.run(["openssl", *words.split()], check=True, capture_output=True)
