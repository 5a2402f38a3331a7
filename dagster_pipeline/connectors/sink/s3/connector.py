"""The S3 sink of exports: Parquet objects below a prefix of its own, in any bucket that speaks S3's protocol.

`stage` writes multipart uploads and leaves them open, of which nobody sees a byte. `publish` completes them and then writes
the manifest by one request: a reader that follows it sees all of an export or nothing. Only then objects that it took out
are deleted, and never one that no manifest of this export has named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pyarrow as pa

from dagster_pipeline.connectors.object_store.bucket import Bucket
from dagster_pipeline.connectors.object_store.errors import s3_errors
from dagster_pipeline.connectors.sink.base_export_sink import (
    BaseExportSink,
    Export,
    ExportMode,
    Published,
    Slicing,
    Staged,
)
from dagster_pipeline.connectors.sink.export_types import wire_schema
from dagster_pipeline.connectors.sink.s3.manifest import (
    MANIFEST_NAME,
    STAGING_FOLDER,
    ExportedObject,
    Manifest,
    StagedLoad,
    Upload,
)
from dagster_pipeline.connectors.sink.s3.slices import cut, folder, slice_label
from dagster_pipeline.connectors.sink.s3.uploading import PARTS_ON_THEIR_WAY, ParquetUpload
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, FatalError
from dagster_pipeline.schema.export_sink_s3 import S3ExportSink

DELETED_AT_ONCE = 1_000
"""The protocol's most (docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html)."""

_GONE = ("NoSuchKey", "404", "NotFound")


class S3Sink(BaseExportSink):
    """The objects of one export file.

    Args:
        name: `exports/<name>`, which stands in the manifest: a prefix is of one export.
    """

    def __init__(self, settings: S3ExportSink, *, url: DatabaseUrl, name: str) -> None:
        self._settings = settings
        self._bucket = Bucket(url)
        self._name = name

    @property
    def slicing(self) -> Slicing | None:
        """As the file says."""
        found = self._settings.partition_by
        return Slicing(found.column, found.every) if found else None

    @property
    def place(self) -> str:
        """For people."""
        return f"s3://{self._bucket.name}/{self._settings.prefix}"

    def check(self, export: Export) -> tuple[str, ...]:
        """The bucket answers, and the prefix is ours."""
        types = {column.name: column.type.name for column in export.columns}
        if self.slicing is not None and types.get(self.slicing.column) not in (
            "Date", "Date32", "DateTime", "DateTime64",
        ):  # fmt: skip
            found = types.get(self.slicing.column, "no column of the export")
            raise ConfigurationError(
                f"{self._name}: sink.partition_by.column is '{self.slicing.column}', which is {found}.",
                todo="Choose a date or time column.",
            )
        manifest = self._manifest()
        ours = {each.key for each in manifest.objects} | set(manifest.superseded) if manifest else set()
        foreign = [key for key in self._first_keys() if key.endswith(".parquet") and key not in ours]
        if not foreign:
            return ()
        known = f"A reader that follows {MANIFEST_NAME} does not see them."
        what = f"{len(foreign)} object(s) below {self.place} are not of this export, e.g. {foreign[0]}; they stay."
        return (f"{what} {known}",)

    def stage(self, export: Export, batches: Iterable[pa.RecordBatch]) -> Staged:
        """Write uploads and leave them open."""
        for left in self._staged_loads():
            self._take_back(left)
        staging = _Staging(self, export)
        with ThreadPoolExecutor(PARTS_ON_THEIR_WAY, "upload") as pool:
            staged = staging.write(batches, pool)
        return Staged(
            rows=sum(each.rows for each in staged.objects), bytes=sum(each.bytes for each in staged.objects)
        )

    def publish(self, export: Export) -> Published:
        """Complete the uploads, write the manifest, delete what it took out."""
        manifest = self._manifest()
        if manifest is None or manifest.load_id != export.load_id:
            staged = self._read(self._record_key(export.load_id))
            if staged is None:
                raise FatalError(
                    f"{self._name}: what was staged at {self.place} as {export.load_id} is gone.",
                    todo="Run it with full_refresh.",
                )
            load = StagedLoad.from_json(staged)
            for upload in load.uploads:
                self._complete(upload)
            manifest = self._next_manifest(manifest, load, export)
            self._put(self._settings.prefix + MANIFEST_NAME, manifest.as_json())
        self._delete(manifest.superseded)
        self._delete([self._record_key(export.load_id)])
        return Published(place=self.place, rows=manifest.rows)

    def discard(self, export: Export) -> None:
        """Abort the uploads; what the manifest names stays."""
        staged = self._read(self._record_key(export.load_id))
        if staged is not None:
            self._take_back(StagedLoad.from_json(staged))

    def close(self) -> None:
        """End connections."""
        if "client" in self._bucket.__dict__:
            self._bucket.client.close()

    def begin_upload(self, load: StagedLoad, key: str, label: str) -> str:
        """Open an upload, and put it on record before a byte is sent."""
        with self._errors(f"Writing s3://{self._bucket.name}/{key}"):
            opened = self._client.create_multipart_upload(
                Bucket=self._bucket.name, Key=key, ContentType="application/vnd.apache.parquet"
            )
        load.uploads.append(Upload(opened["UploadId"], ExportedObject(key, 0, 0, label)))
        self.record(load)
        return str(opened["UploadId"])

    def record(self, load: StagedLoad) -> None:
        """Remember what is staged, for whoever goes on."""
        self._put(self._record_key(load.load_id), load.as_json())

    def send_part(self, key: str, upload_id: str, number: int, part: bytes) -> str:
        """One part; gives its ETag."""
        with self._errors(f"Writing s3://{self._bucket.name}/{key}"):
            sent = self._client.upload_part(
                Bucket=self._bucket.name, Key=key, UploadId=upload_id, PartNumber=number, Body=part
            )
        return str(sent["ETag"])

    @property
    def settings(self) -> S3ExportSink:
        """As the file says."""
        return self._settings

    def _next_manifest(self, before: Manifest | None, load: StagedLoad, export: Export) -> Manifest:
        slicing, objects = self.slicing, before.objects if before else ()
        labels = {slice_label(day, slicing) for day in export.slices} if slicing else set()
        kept = {
            ExportMode.REPLACE: (),
            ExportMode.MERGE: tuple(each for each in objects if each.slice not in labels),
            ExportMode.APPEND: objects,
        }[export.mode]
        now = (*kept, *load.objects)
        keys = {each.key for each in now}
        return Manifest(
            export=self._name,
            load_id=export.load_id,
            published_at=datetime.now(UTC).isoformat(timespec="seconds"),
            columns=tuple((column.name, str(column.type)) for column in export.columns),
            objects=now,
            superseded=tuple(each.key for each in objects if each.key not in keys),
        )

    def _complete(self, upload: Upload) -> None:
        """Make an object of it; a killed run may have done so."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 -- only when used

        key = upload.object.key
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(upload.parts, start=1)]
        with self._errors(f"Completing s3://{self._bucket.name}/{key}"):
            try:
                self._client.complete_multipart_upload(
                    Bucket=self._bucket.name,
                    Key=key,
                    UploadId=upload.upload_id,
                    MultipartUpload={"Parts": parts},
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchUpload" or not self._stands_there(upload):
                    raise

    def _stands_there(self, upload: Upload) -> bool:
        found = self._client.head_object(Bucket=self._bucket.name, Key=upload.object.key)
        return int(found["ContentLength"]) == upload.object.bytes

    def _take_back(self, load: StagedLoad) -> None:
        """Abort uploads, and delete what was completed but never named by a manifest."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 -- only when used

        manifest = self._manifest()
        visible = {each.key for each in manifest.objects} if manifest else set()
        mine = [upload for upload in load.uploads if upload.object.key not in visible]
        for upload in mine:
            with self._errors(f"Taking back s3://{self._bucket.name}/{upload.object.key}"):
                try:
                    self._client.abort_multipart_upload(
                        Bucket=self._bucket.name, Key=upload.object.key, UploadId=upload.upload_id
                    )
                except ClientError as error:
                    if error.response["Error"]["Code"] != "NoSuchUpload":
                        raise
        self._delete([upload.object.key for upload in mine])
        self._delete([self._record_key(load.load_id)])

    def _staged_loads(self) -> Iterator[StagedLoad]:
        start = self._settings.prefix + STAGING_FOLDER
        with self._errors(f"Listing s3://{self._bucket.name}/{start}"):
            found = self._client.list_objects_v2(Bucket=self._bucket.name, Prefix=start)
        for entry in found.get("Contents", ()):
            text = self._read(entry["Key"])
            if text is not None:
                yield StagedLoad.from_json(text)

    def _manifest(self) -> Manifest | None:
        key = self._settings.prefix + MANIFEST_NAME
        text = self._read(key)
        if text is None:
            return None
        try:
            manifest = Manifest.from_json(text)
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError(
                f"{self._name}: s3://{self._bucket.name}/{key} is no manifest of ours.",
                todo="Export to another prefix, or delete it.",
            ) from None
        if manifest.export != self._name:
            raise ConfigurationError(
                f"{self._name}: {self.place} belongs to {manifest.export}, says {MANIFEST_NAME}.",
                todo="Export to another prefix; if that export is gone, delete the manifest and its objects.",
            )
        return manifest

    def _first_keys(self) -> list[str]:
        """A page of what stands below the prefix: enough to see that something does."""
        with self._errors(f"Listing {self.place}"):
            found = self._client.list_objects_v2(Bucket=self._bucket.name, Prefix=self._settings.prefix)
        return [entry["Key"] for entry in found.get("Contents", ())]

    def _read(self, key: str) -> bytes | None:
        from botocore.exceptions import ClientError  # noqa: PLC0415 -- only when used

        with self._errors(f"Reading s3://{self._bucket.name}/{key}"):
            try:
                body: bytes = self._client.get_object(Bucket=self._bucket.name, Key=key)["Body"].read()
            except ClientError as error:
                if error.response["Error"]["Code"] in _GONE:
                    return None
                raise
        return body

    def _put(self, key: str, body: bytes) -> None:
        with self._errors(f"Writing s3://{self._bucket.name}/{key}"):
            self._client.put_object(
                Bucket=self._bucket.name, Key=key, Body=body, ContentType="application/json"
            )

    def _delete(self, keys: Iterable[str]) -> None:
        listed = list(keys)
        for begin in range(0, len(listed), DELETED_AT_ONCE):
            some = [{"Key": key} for key in listed[begin : begin + DELETED_AT_ONCE]]
            with self._errors(f"Deleting below {self.place}"):
                said = self._client.delete_objects(
                    Bucket=self._bucket.name, Delete={"Objects": some, "Quiet": True}
                )
            if said.get("Errors"):
                first = said["Errors"][0]
                raise ConfigurationError(
                    f"{self._name}: s3://{self._bucket.name}/{first['Key']} could not be deleted ({first['Code']}).",
                    todo="Grant s3:DeleteObject on the prefix.",
                )

    def _record_key(self, load_id: str) -> str:
        return f"{self._settings.prefix}{STAGING_FOLDER}{load_id}.json"

    def _errors(self, doing: str) -> Any:
        return s3_errors(doing, variable=self._bucket.url.variable)

    @cached_property
    def _client(self) -> Any:
        return self._bucket.client


class _Staging:
    """The uploads of one load, one open at a time."""

    def __init__(self, sink: S3Sink, export: Export) -> None:
        self._sink = sink
        self._schema = wire_schema(export)
        self._load = StagedLoad(export.load_id)
        self._open: ParquetUpload | None = None
        self._label = ""

    def write(self, batches: Iterable[pa.RecordBatch], pool: ThreadPoolExecutor) -> StagedLoad:
        """All rows, in objects of one slice each."""
        for batch in batches:
            for label, rows in cut(batch, self._sink.slicing):
                if self._open is None or label != self._label or self._open.is_full:
                    self._end()
                    self._begin(label, pool)
                if self._open is not None:
                    self._open.write(rows)
        if not self._load.uploads and self._sink.slicing is None:
            self._begin("", pool)  # an object without rows still says which columns there are
        self._end()
        self._sink.record(self._load)
        return self._load

    def _begin(self, label: str, pool: ThreadPoolExecutor) -> None:
        slicing, settings = self._sink.slicing, self._sink.settings
        number = len(self._load.uploads) + 1
        below = folder(label, slicing) if slicing else ""
        key = f"{settings.prefix}{below}{self._load.load_id}-{number:04}.parquet"
        upload_id = self._sink.begin_upload(self._load, key, label)

        def send(part: int, body: bytes) -> str:
            return self._sink.send_part(key, upload_id, part, body)

        self._label = label
        self._open = ParquetUpload(
            self._schema,
            send=send,
            pool=pool,
            compression=settings.compression,
            file_size=settings.file_size,
        )

    def _end(self) -> None:
        if self._open is None:
            return
        parts = self._open.finish()
        before = self._load.uploads[-1]
        told = ExportedObject(before.object.key, self._open.rows, self._open.bytes, self._label)
        self._load.uploads[-1] = Upload(before.upload_id, told, parts)
        self._open = None
