"""Whether the S3 bucket of Dagster's logs can be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster_pipeline.errors import ConfigurationError

ANSWER_SECONDS = 3


def check_log_bucket(logs: Mapping[str, Any], variables: Mapping[str, str]) -> None:
    """Raise `ConfigurationError` when the bucket cannot be reached, does not exist or may not be used.

    Args:
        logs: the config of Dagster's S3ComputeLogManager, with variables put in.
        variables: the environment; boto3 takes credentials, region and `AWS_ENDPOINT_URL_S3` from the process's own,
            and here they only serve to name the place.
    """
    # Half a second, which no other command should pay.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    bucket = str(logs.get("bucket", ""))
    endpoint = (
        logs.get("endpoint_url") or variables.get("AWS_ENDPOINT_URL_S3") or variables.get("AWS_ENDPOINT_URL")
    )
    place = f"The bucket {bucket} of Dagster's logs" + (f" at {endpoint}" if endpoint else "")
    limits = Config(
        connect_timeout=ANSWER_SECONDS, read_timeout=ANSWER_SECONDS, retries={"total_max_attempts": 1}
    )
    try:
        boto3.client("s3", endpoint_url=logs.get("endpoint_url"), config=limits).head_bucket(Bucket=bucket)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        raise ConfigurationError(f"{place} answers with HTTP {status}.", todo=_cure(status)) from error
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(
            f"{place} cannot be used: {' '.join(str(error).split())}",
            todo="Correct DAGSTER_LOGS_BUCKET, AWS_ENDPOINT_URL_S3, AWS_DEFAULT_REGION or the AWS credentials.",
        ) from error


def _cure(status: int | None) -> str:
    match status:
        case 404:
            return "Create it, or correct DAGSTER_LOGS_BUCKET."
        case 401 | 403:
            return (
                "Give credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role) that have s3:ListBucket, "
                "s3:GetObject, s3:PutObject and s3:DeleteObject on it."
            )
        case 301 | 400:
            return "Correct AWS_DEFAULT_REGION: the bucket is in another region."
        case _:
            return "See to the server, or correct AWS_ENDPOINT_URL_S3."
