"""What files that write into application databases have in common: their head, and where they write."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from dagster_pipeline.schema.described_file import DescribedFile
from dagster_pipeline.schema.field_types import Identifier, Model
from dagster_pipeline.schema.models import Dialect, Retries


class DatabaseTable(Model):
    """A table of a MySQL, MariaDB or PostgreSQL database."""

    model_config = ConfigDict(populate_by_name=True)

    dialect: Dialect = Field(description="mysql (MariaDB too) or postgres.")
    connection: Identifier = Field(
        description="Names the variable with the address: MYSQL_<CONNECTION>_URL or POSTGRES_<CONNECTION>_URL."
    )
    database: Identifier | None = Field(default=None, description="Default: the connection's name.")
    schema_name: Identifier = Field(
        default="public", alias="schema", description="PostgreSQL only: the schema."
    )
    table: Identifier = Field(description="The table.")

    @property
    def database_name(self) -> str:
        """The database, default filled in."""
        return self.database or self.connection

    @property
    def full_name(self) -> str:
        """For people."""
        schema = f"{self.schema_name}." if self.dialect == "postgres" else ""
        return f"{self.database_name}.{schema}{self.table}"

    @property
    def asset_key(self) -> tuple[str, ...]:
        """Key of the external asset that stands for it, the same as where a table file reads it."""
        schema = (self.schema_name,) if self.dialect == "postgres" else ()
        return (self.dialect, self.database_name, *schema, self.table)


WriteMode = Literal["upsert", "insert", "update", "mirror"]


class WritingFile(DescribedFile):
    """What every such file may say."""

    rows_per_second: int | None = Field(
        default=None, ge=1, description="Write at most so many rows a second. Default: no limit."
    )
    retries: Retries = Field(default=Retries(), description="How often and when a failed run is tried again.")
