"""`sink:` of an export into PostgreSQL or MySQL: one table of a database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import ConfigDict, Field

from dagster_pipeline.schema.field_types import Identifier, Model
from dagster_pipeline.schema.finding import Finding


class PostgresExportSink(Model):
    """A table of a PostgreSQL database."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["postgres"] = Field(description="postgres: a table of a PostgreSQL database.")
    connection: Identifier = Field(
        description="Names the variable with the address: POSTGRES_<CONNECTION>_URL."
    )
    database: Identifier | None = Field(default=None, description="Default: the connection's name.")
    schema_name: Identifier = Field(default="public", alias="schema", description="The schema.")
    table: Identifier = Field(description="The table.")

    @property
    def full_name(self) -> str:
        """For people."""
        return f"{self.database or self.connection}.{self.schema_name}.{self.table}"

    def findings(self) -> Iterator[Finding]:
        """What is wrong with these keys among themselves."""
        return iter(())


class MySQLExportSink(Model):
    """A table of a MySQL or MariaDB database."""

    kind: Literal["mysql"] = Field(description="mysql: a table of a MySQL or MariaDB database.")
    connection: Identifier = Field(description="Names the variable with the address: MYSQL_<CONNECTION>_URL.")
    database: Identifier | None = Field(default=None, description="Default: the connection's name.")
    table: Identifier = Field(description="The table.")

    @property
    def full_name(self) -> str:
        """For people."""
        return f"{self.database or self.connection}.{self.table}"

    def findings(self) -> Iterator[Finding]:
        """What is wrong with these keys among themselves."""
        return iter(())
