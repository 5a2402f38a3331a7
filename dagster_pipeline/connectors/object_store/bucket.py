"""A bucket behind a URL: where it is, and a client for it.

boto3 is imported when a client is made, not before: it takes a third of a second, and a location without S3 needs none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError

CONNECT_SECONDS = 10
READ_SECONDS = 60
ATTEMPTS = 4
_OPTIONS = ("region", "path_style")


@dataclass(frozen=True)
class Bucket:
    """One bucket.

    `s3://bucket?region=eu-central-1` is Amazon's own, with the machine's credentials or `s3://KEY:SECRET@bucket`;
    `https://KEY:SECRET@host:9000/bucket` is any other place that speaks the protocol.
    """

    url: DatabaseUrl

    def __post_init__(self) -> None:
        """Raise `ConfigurationError` for a URL without a bucket or with an unknown option."""
        unknown = sorted(set(self.url.options) - set(_OPTIONS))
        if unknown:
            raise ConfigurationError(
                f"{self.url.variable} has unknown options: {', '.join(unknown)}.",
                todo=f"Known: {', '.join(_OPTIONS)}.",
            )
        if not self.name:
            raise ConfigurationError(
                f"{self.url.variable} names no bucket.",
                todo="Write s3://bucket, or https://KEY:SECRET@host/bucket.",
            )

    @property
    def name(self) -> str:
        """The bucket's name."""
        return self.url.host if self.url.scheme == "s3" else self.url.database.strip("/")

    @property
    def endpoint(self) -> str | None:
        """Where the protocol is spoken; `None` is Amazon's own place."""
        if self.url.scheme == "s3":
            return None
        port = f":{self.url.port}" if self.url.port else ""
        return f"{self.url.scheme}://{self.url.host}{port}"

    def http_url(self, key: str) -> str:
        """The address by which a warehouse's own `s3()` finds an object."""
        if self.endpoint:
            return f"{self.endpoint}/{self.name}/{key}"
        region = self.url.options.get("region", "us-east-1")
        return f"https://{self.name}.s3.{region}.amazonaws.com/{key}"

    @cached_property
    def client(self) -> Any:
        """A client, which threads may share."""
        import boto3  # noqa: PLC0415 -- only when used
        from botocore.config import Config  # noqa: PLC0415

        addressing = "path" if self.url.options.get("path_style", "true") == "true" else "auto"
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.url.options.get("region") or ("us-east-1" if self.endpoint else None),
            aws_access_key_id=self.url.user or None,
            aws_secret_access_key=self.url.password or None,
            config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                max_pool_connections=20,
                # size and ETag are compared anyway, and others than Amazon often know no such checksums
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": addressing if self.endpoint else "auto"},
            ),
        )
