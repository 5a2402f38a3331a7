"""Exports into a bucket of a real S3 process, read as docs/exports.md says: by the manifest."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any, ClassVar

import boto3
import pyarrow as pa
import pyarrow.parquet as pq

from dagster_pipeline.database_url import DatabaseUrl
from tests.contract.exports.export_case import ExportCase

PREFIX = "exports/orders/"


class S3Case(ExportCase):
    """One bucket."""

    moments: ClassVar[tuple[str, ...]] = ("after _complete", "before _delete")

    def __init__(self, url: str) -> None:
        self.url = url
        parsed = DatabaseUrl.parse(url, variable="S3_LAKE_URL", schemes=())
        self.bucket = parsed.database
        self.client = boto3.client(
            "s3",
            endpoint_url=f"http://{parsed.host}:{parsed.port}",
            aws_access_key_id=parsed.user,
            aws_secret_access_key=parsed.password,
            region_name="us-east-1",
        )
        self.client.create_bucket(Bucket=self.bucket)

    def sink(self, mode: str) -> dict[str, Any]:
        cut = {"partition_by": {"column": "created_at", "every": "day"}} if mode == "merge" else {}
        return {**self.plain_sink(), **cut}

    def plain_sink(self) -> dict[str, Any]:
        return {"kind": "s3", "connection": "lake", "prefix": PREFIX}

    def environment(self) -> dict[str, str]:
        return {"S3_LAKE_URL": self.url}

    def nowhere(self) -> dict[str, str]:
        return {"S3_LAKE_URL": "http://key:s3cret-word@127.0.0.1:1/bucket"}

    def keys(self, below: str = PREFIX) -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=below)
        return [entry["Key"] for entry in found.get("Contents", ())]

    def body(self, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads(self.body(f"{PREFIX}_manifest.json"))
        return manifest

    def table(self) -> pa.Table | None:
        if f"{PREFIX}_manifest.json" not in self.keys():
            return None
        objects = [pq.read_table(io.BytesIO(self.body(each["key"]))) for each in self.manifest()["objects"]]
        return pa.concat_tables(objects) if objects else None

    def rows(self, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        table = self.table()
        if table is None:
            return []
        return list(zip(*(_values(table.column(name)) for name in columns), strict=True))

    def leftovers(self) -> list[str]:
        """Records, open uploads, and objects that no manifest names."""
        staged = self.keys(f"{PREFIX}_staging/")
        open_uploads = self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", ())
        named = {each["key"] for each in self.manifest()["objects"]} if self.table() is not None else set()
        strays = [key for key in self.keys() if key.endswith(".parquet") and key not in named]
        return [*staged, *(upload["Key"] for upload in open_uploads), *strays]


def _values(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        return [
            None if text is None else text.removesuffix("Z") for text in column.cast(pa.string()).to_pylist()
        ]
    values: list[Any] = column.to_pylist()
    return values
