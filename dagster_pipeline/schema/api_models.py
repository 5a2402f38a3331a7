"""A file below `schemas/apis/`: the answers of a REST API that become rows of one table."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dagster_pipeline.schema.delivery_models import DeliveryFile
from dagster_pipeline.schema.field_types import Duration, Identifier, Model

Path = Annotated[str, Field(min_length=1, max_length=1_000)]
Parameter = Annotated[str, Field(min_length=1, max_length=200)]
Parameters = dict[str, str | int | float | bool]


class NoPages(Model):
    """Everything comes in one answer."""

    by: Literal["none"] = Field(description="One answer holds everything.")


class CursorPages(Model):
    """Each answer says how to ask for the next one."""

    by: Literal["cursor"] = Field(description="Each answer holds the text that asks for the next one.")
    path: Path = Field(
        description="Where an answer holds it, e.g. meta.next_cursor; without a value it is the last."
    )
    parameter: Parameter = Field(description="Query parameter that takes it.")


class NumberedPages(Model):
    """Pages are numbered; one without records is the last."""

    by: Literal["page"] = Field(description="Pages are numbered; one without records is the last.")
    parameter: Parameter = Field(default="page", description="Query parameter that takes the number.")
    first: int = Field(default=1, ge=0, description="Number of the first page.")


class OffsetPages(Model):
    """Pages begin at an offset; one with fewer records than the limit is the last."""

    by: Literal["offset"] = Field(description="Pages begin at an offset; one without records is the last.")
    parameter: Parameter = Field(default="offset", description="Query parameter that takes the offset.")
    limit_parameter: Parameter = Field(
        default="limit", description="Query parameter that takes the page's size."
    )
    limit: int = Field(default=100, ge=1, le=100_000, description="Records that are asked for at once.")


class LinkedPages(Model):
    """The Link header has the next page's address."""

    by: Literal["link"] = Field(
        description='The answer\'s Link header names the next page: rel="next" (RFC 8288).'
    )


Pages = Annotated[
    NoPages | CursorPages | NumberedPages | OffsetPages | LinkedPages, Field(discriminator="by")
]


class NoAuth(Model):
    """Open to everybody."""

    by: Literal["none"] = Field(description="Open to everybody.")


class BearerAuth(Model):
    """A token in the Authorization header."""

    by: Literal["bearer"] = Field(description="Authorization: Bearer, with API_<CONNECTION>_TOKEN.")


class BasicAuth(Model):
    """User and password of the address."""

    by: Literal["basic"] = Field(description="User and password of API_<CONNECTION>_URL.")


class HeaderAuth(Model):
    """A token in a header of its own."""

    by: Literal["header"] = Field(description="A header of its own, with API_<CONNECTION>_TOKEN.")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")] = Field(
        description="The header, e.g. X-API-Key."
    )


class OAuth2Auth(Model):
    """A token that is asked for with an id and a secret, and renewed when it expires."""

    by: Literal["oauth2"] = Field(
        description="Client credentials (RFC 6749, 4.4), with API_<CONNECTION>_CLIENT_ID and API_<CONNECTION>_CLIENT_SECRET."
    )
    token_url: Annotated[str, Field(min_length=1, max_length=2_000)] = Field(
        description="Where tokens are given out: an address, or a path below API_<CONNECTION>_URL."
    )
    scope: str | None = Field(default=None, description="Scopes that are asked for, with spaces between.")


Auth = Annotated[NoAuth | BearerAuth | BasicAuth | HeaderAuth | OAuth2Auth, Field(discriminator="by")]


class Incremental(Model):
    """Ask only for what changed since the last run."""

    parameter: Parameter = Field(
        description="Query parameter that takes the greatest value seen, e.g. updated_since."
    )
    column: Identifier = Field(
        description="The column whose greatest value is kept: an integer, a date or a time."
    )
    start: str | None = Field(
        default=None, description="What the first run asks for; without it, everything."
    )
    lookback: Duration | None = Field(
        default=None, description="Ask again for this much before it, e.g. 10m; dates and times only."
    )


class ApiSource(Model):
    """One API, one kind of records."""

    connection: Identifier = Field(
        description="Names the variable with the base address: API_<CONNECTION>_URL."
    )
    path: str = Field(default="", max_length=2_000, description="Below the base address, e.g. /v1/orders.")
    parameters: Parameters = Field(default_factory=dict, description="Query parameters of every request.")
    auth: Auth = Field(default=NoAuth(by="none"), description="How the API knows us.")
    pages: Pages = Field(default=NoPages(by="none"), description="How to come to the next page.")
    records: str = Field(
        default="@",
        min_length=1,
        max_length=1_000,
        description="JMESPath of the list of records in an answer, e.g. data.items. Default: the answer is the list.",
    )
    incremental: Incremental | None = Field(
        default=None, description="Ask only for what changed. Without it, every run asks for everything."
    )
    max_pages: int = Field(
        default=10_000, ge=1, le=10_000_000, description="A run that asks for more pages than these fails."
    )
    timeout: Duration | None = Field(default=None, description="Longest silence of the API. Default: 60s.")


class ApiFile(DeliveryFile):
    """Answers of a REST API that become rows of one table."""

    source: ApiSource = Field(description="What is asked, and how.")

    @property
    def replaces(self) -> bool:
        """Without `incremental`, everything is asked for."""
        return self.source.incremental is None
