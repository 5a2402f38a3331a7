"""Variables of the environment whose secrets may stand in files: `<NAME>_FILE` names the file that holds `<NAME>`.

Docker and Kubernetes give secrets as files, which neither `docker inspect` nor a child's environment shows. A file is
read when its value is asked for, each time anew: a secret that is rotated there counts from the next run on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dagster_pipeline.errors import ConfigurationError

SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|MASK_KEY|SLACK_WEBHOOK_URL|ACCESS_KEY")
"""Variables whose whole value is a secret."""

_SUFFIX = "_FILE"
_OF_OTHERS = ("AWS_",)
"""AWS_WEB_IDENTITY_TOKEN_FILE and the like have a meaning of their own, for AWS's library."""


class Variables(Mapping[str, str]):
    """The environment, with the values of files in it.

    Only what may be a secret is read from a file: addresses (`..._URL`) and names that speak of a password, secret, token
    or key. Raises `ConfigurationError` for a value that is asked for and whose file cannot be read, is empty or holds
    several lines, and for one that is given twice.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        """Reads no file yet."""
        self.given = dict(given)
        self._files = {
            name.removesuffix(_SUFFIX): path
            for name, path in given.items()
            if path and _names_a_secret_file(name)
        }

    def __getitem__(self, name: str) -> str:
        if name not in self._files:
            return self.given[name]
        if self.given.get(name):
            raise ConfigurationError(f"Both {name} and {name}{_SUFFIX} are set.", todo="Unset one of them.")
        return _content(name + _SUFFIX, self._files[name])

    def __iter__(self) -> Iterator[str]:
        return iter({**self.given, **self._files})

    def __len__(self) -> int:
        return len({**self.given, **self._files})

    def __repr__(self) -> str:
        return f"Variables of {len(self)} names"


def _names_a_secret_file(name: str) -> bool:
    if not name.endswith(_SUFFIX) or name.startswith(_OF_OTHERS):
        return False
    wanted = name.removesuffix(_SUFFIX)
    return wanted.endswith("_URL") or bool(SECRET_NAME.search(wanted))


def _content(variable: str, path: str) -> str:
    try:
        text = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(
            f"{variable} names {path}, which cannot be read: {reason}.",
            todo="Mount the secret there, readable for this user.",
        ) from None
    if not text or "\n" in text:
        wrong = "is empty" if not text else "holds more than one line"
        raise ConfigurationError(
            f"{variable} names {path}, which {wrong}.", todo="Write the value alone into it."
        )
    return text
