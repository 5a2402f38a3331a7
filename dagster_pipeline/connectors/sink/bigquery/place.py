"""A project of BigQuery behind a URL: `bigquery://project?location=EU&credentials=/path/key.json`, and a client for it.

Google's client is imported when one is made, not before: it takes over a second, and a location without BigQuery needs none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from google.cloud import bigquery

SCHEMES = ("bigquery",)
EXAMPLE = "bigquery://project?credentials=/path/key.json"
_OPTIONS = ("credentials", "endpoint", "location")
_SCOPES = ("https://www.googleapis.com/auth/bigquery",)


@dataclass(frozen=True)
class BigQueryPlace:
    """One project.

    Options of the URL: `credentials` is a file as `gcloud` and the console write it (without it, the machine's own:
    Application Default Credentials); `location` is where jobs run (without it, where the dataset is); `endpoint` is
    a server that speaks BigQuery's REST API, e.g. an emulator, which is asked without credentials unless some are given.
    """

    url: DatabaseUrl

    def __post_init__(self) -> None:
        """Raise `ConfigurationError` for a URL without a project or with options that cannot be right."""
        unknown = sorted(set(self.url.options) - set(_OPTIONS))
        if unknown:
            raise ConfigurationError(
                f"{self.url.variable} has unknown options: {', '.join(unknown)}.",
                todo=f"Known: {', '.join(_OPTIONS)}.",
            )
        if not self.project:
            raise ConfigurationError(f"{self.url.variable} names no project.", todo=f"Write {EXAMPLE}.")
        if self.endpoint is not None:
            self._judge_endpoint(self.endpoint)

    def _judge_endpoint(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ConfigurationError(
                f"The endpoint in {self.url.variable} is no address of a server.",
                todo="Write endpoint=http://127.0.0.1:9050.",
            )
        if parts.scheme == "http" and "credentials" in self.url.options:
            raise ConfigurationError(
                f"{self.url.variable} would send credentials without encryption.",
                todo="Write endpoint=https://..., or leave credentials out.",
            )

    @property
    def project(self) -> str:
        """The project that is billed and that holds the dataset."""
        return self.url.host

    @property
    def endpoint(self) -> str | None:
        """Another server than Google's."""
        return self.url.options.get("endpoint")

    @property
    def location(self) -> str | None:
        """Where jobs run, when the URL says it."""
        return self.url.options.get("location")

    @cached_property
    def client(self) -> bigquery.Client:
        """A client. Raises `ConfigurationError` when there are no credentials, or broken ones."""
        from google.api_core.client_options import ClientOptions  # noqa: PLC0415 -- only when used
        from google.cloud import bigquery  # noqa: PLC0415

        options: Any = ClientOptions(api_endpoint=self.endpoint) if self.endpoint else None
        return bigquery.Client(
            project=self.project,
            credentials=self._credentials(),
            location=self.location,
            client_options=options,
        )

    def _credentials(self) -> Any:
        import google.auth  # noqa: PLC0415 -- only when used
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415

        path = self.url.options.get("credentials")
        if path is None and self.endpoint is not None:
            return AnonymousCredentials()  # type: ignore[no-untyped-call]
        try:
            return google.auth.default(scopes=_SCOPES)[0] if path is None else _of_file(Path(path))
        except (GoogleAuthError, OSError, ValueError, KeyError, AttributeError) as error:  # never its text
            where = f"The file {path}" if path else "This machine"
            raise ConfigurationError(
                f"{where} gives no usable Google credentials ({type(error).__name__}).",
                todo=f"Put credentials=/path/key.json into {self.url.variable}, the key file of a service account.",
            ) from None


def _of_file(path: Path) -> Any:
    """Credentials of the kinds that a server has; the kind is told by the file itself."""
    from google.auth import external_account, identity_pool  # noqa: PLC0415 -- only when used
    from google.oauth2 import service_account  # noqa: PLC0415

    document = json.loads(path.read_text())
    if document.get("type") == "external_account":
        pool: type[external_account.Credentials] = identity_pool.Credentials
        return pool.from_info(document, scopes=_SCOPES)  # type: ignore[no-untyped-call]
    return service_account.Credentials.from_service_account_info(document, scopes=_SCOPES)  # type: ignore[no-untyped-call]
