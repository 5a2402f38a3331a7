"""Secrets from files: `MYSQL_AMTDB_URL_FILE=/run/secrets/amtdb` gives what `MYSQL_AMTDB_URL` would.

The convention of official Docker images (hub.docker.com/_/postgres, 'Docker Secrets'), so that no secret need stand in a
container's environment, which whoever may inspect the container can read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from dagster_pipeline.errors import ConfigurationError

_SECRET_FILE = re.compile(r"(?P<name>\w+_(?:URL|PASSWORD|TOKEN|KEY|KEY_ID))_FILE")
_OTHERS = re.compile(r"AWS_\w+_TOKEN_FILE")  # boto3 reads these itself, again and again


def read_secret_files(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables, with those added that `<NAME>_FILE` gives; a line end at the file's end is no part of a secret.

    Raises:
        ConfigurationError: a file cannot be read or is empty, or both `<NAME>` and `<NAME>_FILE` are set.
    """
    found = dict(variables)
    for variable, place in variables.items():
        matched = _SECRET_FILE.fullmatch(variable)
        if matched and place and not _OTHERS.fullmatch(variable):
            found[matched["name"]] = _secret(variables, matched["name"], variable, Path(place))
    return found


def _secret(variables: Mapping[str, str], name: str, variable: str, file: Path) -> str:
    if variables.get(name):
        raise ConfigurationError(f"Both {name} and {variable} are set.", todo="Unset one of them.")
    try:
        secret = file.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{variable} names {file}, which cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}.",
            todo="Mount the secret there, readable for the user who runs this.",
        ) from error
    if not secret:
        raise ConfigurationError(
            f"{variable} names {file}, which is empty.", todo="Write the secret into it."
        )
    return secret
