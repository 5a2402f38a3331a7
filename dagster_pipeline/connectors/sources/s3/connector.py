"""The S3 source: objects of a bucket, each one a delivery."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager

from dagster_pipeline.connectors.batch import Batch, WireColumn
from dagster_pipeline.connectors.object_place import ObjectPlace
from dagster_pipeline.connectors.object_store.bucket import Bucket
from dagster_pipeline.connectors.object_store.errors import s3_errors
from dagster_pipeline.connectors.sources.arrow_columns import arrow_columns, wire_schema
from dagster_pipeline.connectors.sources.arrow_stream import arrow_stream
from dagster_pipeline.connectors.sources.base_delivery_source import BaseDeliverySource, Delivery, Findings
from dagster_pipeline.connectors.sources.s3.fetching import fetched
from dagster_pipeline.connectors.sources.s3.listing import listed_objects
from dagster_pipeline.connectors.sources.s3.reading import read_object
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.s3_models import S3File


class S3ObjectSource(BaseDeliverySource):
    """The objects that one file below `schemas/s3/` means. Nothing is connected before the first call."""

    def __init__(self, file: S3File, *, url: DatabaseUrl) -> None:
        """Make a source. Raises `ConfigurationError` when the URL names no bucket."""
        self.bucket = Bucket(url)
        self._file = file
        self._columns = arrow_columns(file.columns)

    @property
    def columns(self) -> tuple[WireColumn, ...]:
        """The declared columns."""
        return tuple(column.wire_column for column in self._columns)

    def deliveries(self) -> Iterable[Delivery]:
        """Objects by the time of their last change, then by key."""
        source = self._file.source
        listed = listed_objects(self.bucket, prefix=source.prefix, pattern=source.pattern)
        return (each.delivery for each in listed)

    @contextmanager
    def stream(
        self, delivery: Delivery, findings: Findings
    ) -> Generator[Generator[Batch, None, None], None, None]:
        """Copy the object to the disk, whole, and read it from there."""
        with fetched(self.bucket, delivery) as path:
            rows = read_object(path, delivery.name, self._file.source, self._columns, findings)
            batches = arrow_stream(wire_schema(self._columns), rows)
            try:
                yield batches
            finally:
                batches.close()
                rows.close()  # ends the open file before the folder is removed

    def place(self, delivery: Delivery) -> ObjectPlace:
        """Where the object is, for a warehouse that reads it by itself."""
        url = self.bucket.url
        return ObjectPlace(self.bucket.http_url(delivery.name), key=url.user, secret=url.password)

    def confirm(self, delivery: Delivery) -> None:
        """Raise `RetriableError` when the object is not what was listed any more."""
        etag = delivery.identity.partition(" ")[0]
        with s3_errors(f"Reading s3://{self.bucket.name}/{delivery.name}", variable=self.bucket.url.variable):
            self.bucket.client.head_object(Bucket=self.bucket.name, Key=delivery.name, IfMatch=f'"{etag}"')

    def close(self) -> None:
        """The client's pool ends with the object."""
