"""What stands below an export's prefix, as JSON beside the objects: the manifest for readers, and what is staged. Pure.

`<prefix>_manifest.json` names every object that counts; it is written by one request, so a reader sees one export or the next.
`<prefix>_staging/<load>.json` names uploads that are not completed: S3 shows none of their bytes to anybody.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

MANIFEST_NAME = "_manifest.json"
STAGING_FOLDER = "_staging/"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class ExportedObject:
    """One Parquet object.

    Attributes:
        slice: of dates, e.g. `2026-11-21`; empty without slices.
    """

    key: str
    rows: int
    bytes: int
    slice: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What readers see.

    Attributes:
        export: whose prefix it is, `exports/<name>`.
        load_id: the last load that changed it.
        published_at: when, ISO 8601 in UTC.
        objects: all that count.
        superseded: objects that this load took out, and that are deleted next.
    """

    export: str
    load_id: str
    published_at: str
    columns: tuple[tuple[str, str], ...] = ()
    objects: tuple[ExportedObject, ...] = ()
    superseded: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Of all objects."""
        return sum(each.rows for each in self.objects)

    def as_json(self) -> bytes:
        """For readers: with the sums."""
        sums = {"rows": self.rows, "bytes": sum(each.bytes for each in self.objects)}
        return json.dumps({"version": FORMAT_VERSION, **asdict(self), **sums}, indent=1).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Manifest:
        """Raises `ValueError` for what is no manifest of this version."""
        said = json.loads(text)
        if not isinstance(said, dict) or said.get("version") != FORMAT_VERSION:
            raise ValueError("no manifest of this version")
        return cls(
            export=said["export"],
            load_id=said["load_id"],
            published_at=said["published_at"],
            columns=tuple((name, type_) for name, type_ in said["columns"]),
            objects=tuple(ExportedObject(**each) for each in said["objects"]),
            superseded=tuple(said["superseded"]),
        )


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that is not completed.

    Attributes:
        parts: the parts' ETags, in order; none while it is being written.
    """

    upload_id: str
    object: ExportedObject
    parts: tuple[str, ...] = ()


@dataclass(slots=True)
class StagedLoad:
    """Every upload of one load."""

    load_id: str
    uploads: list[Upload] = field(default_factory=list)

    def as_json(self) -> bytes:
        """For the next run."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> StagedLoad:
        """Back again."""
        said = json.loads(text)
        uploads = [
            Upload(each["upload_id"], ExportedObject(**each["object"]), tuple(each["parts"]))
            for each in said["uploads"]
        ]
        return cls(said["load_id"], uploads)

    @property
    def objects(self) -> Sequence[ExportedObject]:
        """What they become."""
        return [upload.object for upload in self.uploads]
