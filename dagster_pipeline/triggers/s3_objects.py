"""The objects of a bucket that a trigger looks for, as texts that tell them apart."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

from dagster_pipeline.connectors.object_store.bucket import Bucket
from dagster_pipeline.connectors.object_store.errors import s3_errors
from dagster_pipeline.schema.triggers import S3Object
from dagster_pipeline.triggers.arrivals import MOST

PAGE_OBJECTS = 1_000
"""What one request lists; S3 gives no more."""


def s3_objects(bucket: Bucket, wanted: S3Object) -> list[str]:
    """Every object's key and ETag, so that new content under an old key is new; one more than may be there at most.

    An empty object counts, since an empty file is a common way to say that all is there. Raises `ConfigurationError` or
    `RetriableError`.
    """
    with s3_errors(f"Listing s3://{bucket.name}/{wanted.prefix}", variable=bucket.url.variable):
        return list(islice(_matching(bucket, wanted), MOST + 1))


def _matching(bucket: Bucket, wanted: S3Object) -> Iterator[str]:
    pages: Any = bucket.client.get_paginator("list_objects_v2")
    for page in pages.paginate(
        Bucket=bucket.name, Prefix=wanted.prefix, PaginationConfig={"PageSize": PAGE_OBJECTS}
    ):
        for entry in page.get("Contents", ()):
            key = entry["Key"]
            if not key.endswith("/") and fnmatchcase(key.removeprefix(wanted.prefix), wanted.pattern):
                yield f"{key} {entry['ETag']}"
