"""One object as a local file: taken in one piece of time, whole, or not at all.

A file that is read from its end to its beginning, as Parquet is, needs many requests, and between two of them the object
may be replaced. So the object is copied to the disk first, by one request that the server answers only for the ETag that was
listed (If-Match). A connection that breaks is taken up again where it broke, for the same ETag. Memory is one piece.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import tenacity

from dagster_pipeline.connectors.object_store.bucket import Bucket
from dagster_pipeline.connectors.object_store.errors import s3_errors
from dagster_pipeline.connectors.sources.base_delivery_source import Delivery
from dagster_pipeline.errors import RetriableError

PIECE_BYTES = 1 << 20
ATTEMPTS = 4


@contextmanager
def fetched(
    bucket: Bucket, delivery: Delivery, *, directory: Path | None = None
) -> Generator[Path, None, None]:
    """The object's bytes in a file that ends with the context.

    Raises `RetriableError` when the object is not what was listed any more, or does not arrive.
    """
    with tempfile.TemporaryDirectory(prefix="dagster-pipeline-s3-", dir=directory) as folder:
        target = Path(folder) / "object"
        target.touch()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_broken_connection),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=10),
            reraise=True,
        )
        retrying(_append_rest, bucket, delivery, target)
        yield target


def _is_broken_connection(error: BaseException) -> bool:
    """What may go better at once; an object that changed will not change back."""
    return isinstance(error, RetriableError) and error.code not in (
        "PreconditionFailed",
        "412",
        "NoSuchKey",
        "404",
    )


def _append_rest(bucket: Bucket, delivery: Delivery, target: Path) -> None:
    have = target.stat().st_size
    doing = f"Reading s3://{bucket.name}/{delivery.name}"
    etag = delivery.identity.partition(" ")[0]
    span = {"Range": f"bytes={have}-"} if have else {}
    with s3_errors(doing, variable=bucket.url.variable):
        answer = bucket.client.get_object(Bucket=bucket.name, Key=delivery.name, IfMatch=f'"{etag}"', **span)
        with closing(answer["Body"]) as body, target.open("ab") as file:
            while piece := body.read(PIECE_BYTES):
                file.write(piece)
    arrived = target.stat().st_size
    if arrived > delivery.bytes:  # a server that does not know Range began anew
        target.write_bytes(b"")
    if arrived != delivery.bytes:
        raise RetriableError(f"{doing}: {arrived:,} of {delivery.bytes:,} bytes arrived.", code="short")
