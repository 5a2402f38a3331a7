"""A database's address that can be passed around without giving its password away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from dagster_pipeline.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A parsed address. `repr` and `str` never show the password or the options.

    Attributes:
        scheme: e.g. `mysql`, `postgresql`, `https`, `chdb`.
        database: for `chdb` the directory, for `sqlite` the file's path, else the database's name; may be empty.
        port: 0 when none is given.
        options: the query part, e.g. `ssl_ca`.
        variable: the environment variable that it came from, for error messages.
    """

    scheme: str
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    variable: str = ""
    raw: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str, *, variable: str, schemes: tuple[str, ...]) -> DatabaseUrl:
        """Parse an address; `schemes` lists what is allowed, empty allows any.

        Raises `ConfigurationError` that names the variable and never repeats the text, which may hold a password.
        """
        try:
            parts = urlsplit(text)
            port = parts.port or 0
        except ValueError as error:
            raise ConfigurationError(
                f"{variable} is not a URL.", todo="Percent-encode special characters in the password."
            ) from error
        scheme = parts.scheme.lower()
        if not scheme or (schemes and scheme not in schemes):
            raise ConfigurationError(
                f"{variable} must start with {' or '.join(f'{allowed}://' for allowed in schemes) or 'a scheme such as postgresql://'}."
            )
        if scheme == "chdb":
            database = text.partition("://")[2].partition("?")[0]
            if not database.startswith("/"):
                raise ConfigurationError(
                    f"{variable} must name an absolute directory.", todo="Write chdb:///absolute/directory."
                )
            return cls(scheme=scheme, database=database, variable=variable, raw=text)
        # Only the first slash separates: sqlite:///relative and sqlite:////absolute, as SQLAlchemy has it.
        path = parts.path.removeprefix("/") if scheme.startswith("sqlite") else parts.path.lstrip("/")
        return cls(
            scheme=scheme,
            host=parts.hostname or "",
            port=port,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=unquote(path),
            options=dict(parse_qsl(parts.query, keep_blank_values=True)),
            variable=variable,
            raw=text,
        )

    def with_database(self, database: str) -> DatabaseUrl:
        """The same server, another database."""
        return replace(self, database=database, raw="")

    @property
    def redacted(self) -> str:
        """The address for people: scheme, user, host, port and database only."""
        if self.scheme == "chdb":
            return f"chdb://{self.database}"
        user = f"{quote(self.user)}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{user}{self.host}{port}/{self.database}"

    def __str__(self) -> str:
        return self.redacted
