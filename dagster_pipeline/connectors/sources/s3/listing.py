"""Which objects of a bucket a file means, as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dagster_pipeline.connectors.object_store.bucket import Bucket
from dagster_pipeline.connectors.object_store.errors import s3_errors
from dagster_pipeline.connectors.sources.base_delivery_source import Delivery


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One object as the bucket lists it.

    Attributes:
        etag: without its quotes.
    """

    key: str
    etag: str
    size: int

    @property
    def delivery(self) -> Delivery:
        """The object's content: another ETag or size is another one."""
        return Delivery(self.key, f"{self.etag} {self.size}", self.size)


def listed_objects(bucket: Bucket, *, prefix: str, pattern: str) -> Iterator[ListedObject]:
    """Objects below the prefix whose name after it matches the pattern (`*`, `?`, `[...]`), by time and key.

    Empty objects and "folders" (keys that end in a slash) are none. A listing costs one request per 1,000 objects.
    """
    found = []
    with s3_errors(f"Listing s3://{bucket.name}/{prefix}", variable=bucket.url.variable):
        for page in bucket.client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket.name, Prefix=prefix
        ):
            for entry in page.get("Contents", ()):
                key, size = entry["Key"], int(entry["Size"])
                if size and not key.endswith("/") and fnmatchcase(key.removeprefix(prefix), pattern):
                    each = ListedObject(key, entry["ETag"].strip('"'), size)
                    found.append((entry["LastModified"], key, each))
    return (each for _time, _key, each in sorted(found, key=lambda entry: entry[:2]))
