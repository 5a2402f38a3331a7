"""Examines a bucket as our credentials see it: each prefix is listed, and a byte of one object below it is read.

Rights are tried, not read: policies of users, roles, buckets and organisations decide together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from dagster_pipeline.connectors.object_store.bucket import Bucket
from dagster_pipeline.connectors.object_store.errors import DENIED, s3_errors
from dagster_pipeline.connectors.server_facts import MissingGrant, ServerFacts
from dagster_pipeline.database_url import DatabaseUrl

LIST = "s3:ListBucket"
GET = "s3:GetObject"


@dataclass(frozen=True, slots=True)
class NeededObjects:
    """Objects that a file reads: those below a prefix whose name after it matches the pattern."""

    prefix: str
    pattern: str


def inspect_bucket(url: DatabaseUrl, *, needed: Iterable[NeededObjects]) -> ServerFacts:
    """Ask the bucket. Raises `ConfigurationError` (no such bucket, wrong key) or `RetriableError` (unreachable)."""
    bucket = Bucket(url)
    found = [_tried(bucket, each) for each in dict.fromkeys(needed)]
    return ServerFacts(
        product=f"Bucket {bucket.name}",
        version="",
        encrypted=url.scheme != "http",
        missing=tuple(one for one in found if isinstance(one, MissingGrant)),
        notes=tuple(one for one in found if isinstance(one, str)),
    )


def _tried(bucket: Bucket, needed: NeededObjects) -> MissingGrant | str | None:
    """The right that is missing, or what could not be examined."""
    place = f"s3://{bucket.name}/{needed.prefix}"
    with s3_errors(f"Listing {place}", variable=bucket.url.variable):
        page = _allowed(lambda: bucket.client.list_objects_v2(Bucket=bucket.name, Prefix=needed.prefix))
    if page is None:
        return _missing(LIST, place, f"arn:aws:s3:::{bucket.name}", "objects cannot be found")
    key = next(_matching(page, needed), None)
    if key is None:
        more = " first 1,000" if page.get("IsTruncated") else ""
        return f"No object of the{more} below {place} matches {needed.pattern}, so reading was not tried."
    with s3_errors(f"Reading s3://{bucket.name}/{key}", variable=bucket.url.variable):
        read = _allowed(lambda: bucket.client.get_object(Bucket=bucket.name, Key=key, Range="bytes=0-0"))
    if read is None:
        resource = f"arn:aws:s3:::{bucket.name}/{needed.prefix}*"
        return _missing(GET, f"s3://{bucket.name}/{key}", resource, "objects cannot be read")
    read["Body"].close()
    return None


def _matching(page: Any, needed: NeededObjects) -> Iterator[str]:
    for entry in page.get("Contents", ()):
        key = entry["Key"]
        if entry["Size"] and fnmatchcase(key.removeprefix(needed.prefix), needed.pattern):
            yield key


def _allowed(ask: Any) -> Any:
    """The answer; `None` when we may not ask."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 -- only when used

    try:
        return ask()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in DENIED:
            return None
        raise


def _missing(right: str, place: str, resource: str, why: str) -> MissingGrant:
    statement = f'Add to its policy: {{"Effect": "Allow", "Action": "{right}", "Resource": "{resource}"}}'
    return MissingGrant(f"{right} on {place}", why, statement)
