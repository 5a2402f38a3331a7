"""The BigQuery client's errors as ours: by the reason that the service gives, else by HTTP status, never by the text.

Reasons: cloud.google.com/bigquery/docs/error-messages. The same reasons come as an HTTP error and as a job's result.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import TimeoutError as StillRunningError
from contextlib import contextmanager
from typing import Any

import requests.exceptions
from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError, TransportError
from google.resumable_media.common import DataCorruption, InvalidResponse

from dagster_pipeline.errors import ConfigurationError, FatalError, PipelineError, RetriableError

_SHOWN = 400
_RETRIABLE = {
    "backendError": "",
    "badGateway": "",
    "internalError": "",
    "jobBackendError": "",
    "jobInternalError": "",
    "jobRateLimitExceeded": "",
    "rateLimitExceeded": "Too many requests or jobs at once; the next run goes on.",
    "quotaExceeded": "A quota of the project or of the table is used up: see IAM & Admin, Quotas; the next run goes on.",
    "resourceInUse": "",
    "stopped": "Somebody cancelled the job; the next run starts it again.",
    "tableUnavailable": "",
    "timeout": "",
}
_TO_CONFIGURE = {
    "accessDenied": "Grant BigQuery Job User on the project and BigQuery Data Editor on the dataset (docs/exports-bigquery.md).",
    "billingNotEnabled": "Enable billing for the project: without it, DML is refused.",
    "billingTierLimitExceeded": "Raise the billing tier of the project.",
    "blocked": "Google blocked the project for now: ask its support.",
    "notFound": "Create it, or correct project, dataset, table and location.",
    "required": "",
}
_TOO_LARGE = ("resourcesExceeded", "responseTooLarge")
_STATUS_REASONS = {
    401: "accessDenied",
    403: "accessDenied",
    404: "notFound",
    408: "timeout",
    429: "rateLimitExceeded",
}
_SERVER_ERROR = 500


@contextmanager
def bigquery_errors(doing: str) -> Generator[None, None, None]:
    """Run the body and translate what the client raises. `doing` names the object: `Loading project.dataset.table`."""
    try:
        yield
    except RetryError as error:  # the client tried again until its patience ended
        cause = error.cause
        if isinstance(cause, GoogleAPICallError):
            raise translated(cause, doing) from None
        raise _unreachable(doing, cause or error) from None
    except GoogleAPICallError as error:
        raise translated(error, doing) from None
    except InvalidResponse as error:
        raise RetriableError(f"{doing}: the upload was answered with {error.response.status_code}.") from None
    except StillRunningError:
        raise RetriableError(
            f"{doing}: the job is still running.", todo="The next run goes on waiting for it.", code="timeout"
        ) from None
    except requests.exceptions.SSLError:
        raise ConfigurationError(f"{doing}: the server's certificate is not trusted.") from None
    except (requests.exceptions.RequestException, TransportError, DataCorruption, ConnectionError) as error:
        raise _unreachable(doing, error) from None
    except GoogleAuthError as error:
        raise ConfigurationError(
            f"{doing}: the credentials were refused ({type(error).__name__}).",
            todo="Renew the key, and check that the service account is enabled.",
        ) from None


def is_transient(error: Exception) -> bool:
    """A job that failed so may succeed when it is started again at once."""
    return reason_of(error) in _RETRIABLE.keys() - {"quotaExceeded", "stopped"}


def reason_of(error: Any) -> str:
    """The service's own word for what happened, by HTTP status when it gave none; may be empty."""
    for each in getattr(error, "errors", None) or ():
        if isinstance(each, dict) and each.get("reason"):
            return str(each["reason"])
    code = int(getattr(error, "code", None) or 0)
    return "backendError" if code >= _SERVER_ERROR else _STATUS_REASONS.get(code, "")


def translated(error: GoogleAPICallError, doing: str, *, quote: bool = True) -> PipelineError:
    """What an answer or a job's error means. `quote` says that the service's text holds no values of rows."""
    reason = reason_of(error)
    said = f" {_said(error)[:_SHOWN]}" if quote else ""
    what = f"{doing}: {reason or error.code}.{said}"
    if reason in _RETRIABLE:
        return RetriableError(what, todo=_RETRIABLE[reason], code=reason)
    if reason in _TO_CONFIGURE:
        return ConfigurationError(what, todo=_TO_CONFIGURE[reason])
    if reason in _TOO_LARGE:
        return FatalError(
            what, todo="Export fewer rows at once, or give the project more slots.", code=reason
        )
    return FatalError(what, code=reason or str(error.code))


def _said(error: GoogleAPICallError) -> str:
    """The service's sentence; the client's own one repeats it."""
    for each in error.errors:
        if isinstance(each, dict) and each.get("message"):
            return str(each["message"])
    return str(error.message)


def _unreachable(doing: str, error: BaseException) -> RetriableError:
    return RetriableError(
        f"{doing}: the connection failed ({type(error).__name__}).", code=type(error).__name__
    )
