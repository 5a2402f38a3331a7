"""The S3 client's errors as ours: by error code and HTTP status, never by the text.

Codes: docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from dagster_pipeline.errors import ConfigurationError, FatalError, PipelineError, RetriableError

DENIED = ("AccessDenied", "AllAccessDisabled", "403")
_TO_CONFIGURE = {
    "AccessDenied": "Grant s3:ListBucket on the bucket, and s3:GetObject (s3:PutObject for an export) on its objects.",
    "AllAccessDisabled": "Ask the bucket's owner.",
    "ExpiredToken": "Renew the credentials.",
    "InvalidAccessKeyId": "Check user and password in {variable}.",
    "InvalidBucketName": "Correct the bucket's name in {variable}.",
    "InvalidToken": "Renew the credentials.",
    "NoSuchBucket": "Create the bucket, or correct its name in {variable}.",
    "PermanentRedirect": "Add ?region= to {variable}: the bucket is in another one.",
    "AuthorizationHeaderMalformed": "Add ?region= to {variable}: the bucket is in another one.",
    "RequestTimeTooSkewed": "Let this machine follow a time server: its clock is more than 15 minutes off.",
    "SignatureDoesNotMatch": "Check user and password in {variable}, percent-encoded.",
}
_CHANGED = ("PreconditionFailed", "ConditionalRequestConflict", "412")
_GONE = ("NoSuchKey", "404", "NoSuchVersion")
_SERVER_ERRORS = 500
_TOO_MANY_REQUESTS = 429
_FORBIDDEN = 403


@contextmanager
def s3_errors(doing: str, *, variable: str) -> Generator[None, None, None]:
    """Run the body and translate what the client raises. `doing` names the object: `Reading s3://bucket/key`."""
    from botocore.exceptions import (  # noqa: PLC0415 -- only when used
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        NoRegionError,
        PartialCredentialsError,
    )
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        raise translated(error.response, doing, variable=variable) from None
    except (NoCredentialsError, PartialCredentialsError, NoRegionError) as error:
        raise ConfigurationError(
            f"{doing}: {type(error).__name__}.",
            todo=f"Put key and secret (and ?region=) into {variable}, or give the machine a role.",
        ) from None
    except (BotoCoreError, HTTPError, OSError) as error:
        if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
            raise
        raise RetriableError(
            f"{doing}: the connection failed ({type(error).__name__}).", code=type(error).__name__
        ) from None


def translated(response: Any, doing: str, *, variable: str) -> PipelineError:
    """What an error response means."""
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _CHANGED:
        return RetriableError(
            f"{doing}: the object changed since it was listed.",
            todo="Nothing of it was taken; the next run reads it as it is then.",
            code=code,
        )
    if code in _GONE:
        return RetriableError(
            f"{doing}: the object is gone.", todo="The next run lists the bucket anew.", code=code
        )
    if code in _TO_CONFIGURE:
        return ConfigurationError(f"{doing}: {code}.", todo=_TO_CONFIGURE[code].format(variable=variable))
    if status == _FORBIDDEN:
        return ConfigurationError(f"{doing}: {code or 'forbidden'}.", todo=_TO_CONFIGURE["AccessDenied"])
    if status >= _SERVER_ERRORS or status == _TOO_MANY_REQUESTS or code in ("SlowDown", "RequestTimeout"):
        return RetriableError(f"{doing}: the server answered {code} ({status}).", code=code)
    return FatalError(f"{doing}: the server answered {code} ({status}).", code=code)
