"""Secrets from files: `MYSQL_AMTDB_URL_FILE=/run/secrets/amtdb` gives what `MYSQL_AMTDB_URL` would.

The convention of official Docker images (hub.docker.com/_/postgres, 'Docker Secrets'), so that no secret need stand in a
container's environment, which whoever may inspect the container can read. A file is read when its value is asked for,
each time anew: a secret that is rotated there counts from the next run on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dagster_pipeline.errors import ConfigurationError

_SUFFIX = "_FILE"
_SECRET_FILE = re.compile(r"(?P<name>\w+_(?:URL|PASSWORD|TOKEN|KEY|KEY_ID)|MASK_KEY_\w+)_FILE")
_OTHERS = re.compile(r"AWS_\w+_TOKEN_FILE")  # boto3 reads these itself, again and again
_READ_BY_LIBRARIES = ("DAGSTER_", "AWS_", "PG")
"""Variables that Dagster, boto3 and libpq look for in the process's own environment, where they must stand themselves."""


class Variables(Mapping[str, str]):
    """The environment, and what its files hold.

    Asking for a value raises `ConfigurationError` when its file cannot be read, is empty or holds several lines, and when
    both `<NAME>` and `<NAME>_FILE` are set.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        """Reads no file yet."""
        self.given = dict(given)
        self._files = {
            matched["name"]: path
            for variable, path in given.items()
            if path and (matched := _SECRET_FILE.fullmatch(variable)) and not _OTHERS.fullmatch(variable)
        }

    def __getitem__(self, name: str) -> str:
        if name not in self._files:
            return self.given[name]
        if self.given.get(name):
            raise ConfigurationError(f"Both {name} and {name}{_SUFFIX} are set.", todo="Unset one of them.")
        return _secret(name + _SUFFIX, Path(self._files[name]))

    def __iter__(self) -> Iterator[str]:
        return iter({**self.given, **self._files})

    def __len__(self) -> int:
        return len({**self.given, **self._files})

    def __repr__(self) -> str:
        return f"Variables of {len(self)} names"

    def of_a_service(self) -> dict[str, str]:
        """The environment of a service: what libraries read is filled in, everything else stays in its file.

        Raises `ConfigurationError` as above, for every secret: a service must not start with one that cannot be read.
        """
        found = dict(self.given)
        for name in self._files:
            value = self[name]
            if name.startswith(_READ_BY_LIBRARIES):
                found[name] = value
                del found[name + _SUFFIX]
        return found


def _secret(variable: str, file: Path) -> str:
    """A line end at the file's end is no part of a secret."""
    try:
        secret = file.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigurationError(
            f"{variable} names {file}, which cannot be read: {reason}.",
            todo="Mount the secret there, readable for the user who runs this.",
        ) from None
    if not secret or "\n" in secret:
        wrong = "holds more than one line" if secret else "is empty"
        raise ConfigurationError(
            f"{variable} names {file}, which {wrong}.", todo="Write the secret alone into it."
        )
    return secret
