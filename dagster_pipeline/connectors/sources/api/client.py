"""One API: who we are to it, what is tried again, and what its answers mean before anybody looks into them.

An error names the address without its query, since parameters may be secret, and quotes nothing of an answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import tenacity
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import (
    ConfigurationError,
    DataQualityError,
    FatalError,
    PipelineError,
    RetriableError,
)
from dagster_pipeline.schema.api_models import ApiSource, BasicAuth, BearerAuth, HeaderAuth, OAuth2Auth

ATTEMPTS = 5
TIMEOUT_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 300.0
"""An API that wants a longer pause than this gets it from the next run."""

_PAUSES = tenacity.wait_random_exponential(multiplier=0.5, max=30)
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY, _SERVER_ERROR = 401, 403, 404, 429, 500


@dataclass(frozen=True, slots=True)
class ApiSecrets:
    """What the environment knows of one API."""

    token: str = field(default="", repr=False)
    client_id: str = field(default="", repr=False)
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """One page.

    Attributes:
        document: the JSON, with numbers that have a point as `Decimal`.
        next_link: address of the next page by the Link header; empty when it names none.
    """

    document: Any
    next_link: str


class _ToWaitForError(RetriableError):
    """An answer that says to come again; `seconds` is the pause that the API asks for, if it says."""

    def __init__(self, what: str, status: int, seconds: float | None) -> None:
        super().__init__(what, todo="The next run asks again.", code=str(status))
        self.seconds = seconds


class ApiClient:
    """Asks one API. For one thread."""

    def __init__(
        self,
        source: ApiSource,
        *,
        url: DatabaseUrl,
        secrets: ApiSecrets,
        sleep: Callable[[float], None] = time.sleep,
        attempts: int = ATTEMPTS,
    ) -> None:
        """Make a client; nothing is asked yet. Raises `ConfigurationError` when a secret that the file needs is missing."""
        self._source = source
        self._variable = url.variable
        port = f":{url.port}" if url.port else ""
        self._base = f"{url.scheme}://{url.host}{port}/{url.database}".rstrip("/")
        self._sleep = sleep
        self._attempts = attempts
        self._client = self._make_client(url, secrets)

    @property
    def first_url(self) -> str:
        """Where the first page is."""
        return f"{self._base}/{self._source.path.lstrip('/')}" if self._source.path else self._base

    def get(self, url: str, parameters: Mapping[str, Any]) -> Answer:
        """Ask for one page; what may pass is tried again, and the API's own Retry-After is kept.

        Raises `ConfigurationError` (who we are, where it is), `RetriableError` (it may pass), `DataQualityError` (no JSON).
        """
        self._refuse_elsewhere(url)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RetriableError),
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=_wait,
            sleep=self._sleep,
            reraise=True,
        )
        return _answer(retrying(self._ask, url, parameters), _shown(url))

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def _ask(self, url: str, parameters: Mapping[str, Any]) -> httpx.Response:
        shown = _shown(url)
        try:
            response = self._request(url, parameters)
            if response.status_code == _UNAUTHORIZED and isinstance(self._client, OAuth2Client):
                self._fetch_token()  # it was taken back before its time
                response = self._request(url, parameters)
        except httpx.TransportError as error:
            raise RetriableError(f"{shown}: the connection failed ({type(error).__name__}).") from None
        except OAuthError as error:
            raise ConfigurationError(
                f"{shown}: no token was given out ({error.error}).",
                todo=f"Check API_..._CLIENT_ID and API_..._CLIENT_SECRET of {self._variable}, and source.auth.scope.",
            ) from None
        except httpx.HTTPStatusError as error:
            raise self._refused(error.response, _shown(str(error.request.url))) from None
        if response.is_success:
            return response
        raise self._refused(response, shown)

    def _request(self, url: str, parameters: Mapping[str, Any]) -> httpx.Response:
        if isinstance(self._client, OAuth2Client) and not self._client.token:
            self._fetch_token()
        response: httpx.Response = self._client.get(url, params=dict(parameters) or None)
        return response

    def _fetch_token(self) -> None:
        self._client.fetch_token(self._client.metadata["token_endpoint"], grant_type="client_credentials")

    def _refused(self, response: httpx.Response, shown: str) -> PipelineError:
        status = response.status_code
        if status in (_UNAUTHORIZED, _FORBIDDEN):
            return ConfigurationError(
                f"{shown}: the API does not let us in ({status}).",
                todo=f"The token may have expired, or lack a right: renew what belongs to {self._variable}.",
            )
        if status == _NOT_FOUND:
            return ConfigurationError(
                f"{shown}: there is no such path ({status}).",
                todo=f"Correct source.path or {self._variable}.",
            )
        if status == _TOO_MANY or status >= _SERVER_ERROR:
            return _ToWaitForError(f"{shown}: the API answered {status}.", status, _retry_after(response))
        if response.is_redirect:
            return ConfigurationError(
                f"{shown}: the API sends us elsewhere ({status}).",
                todo=f"Write the new address into {self._variable}.",
            )
        return FatalError(f"{shown}: the API answered {status}.", code=str(status))

    def _refuse_elsewhere(self, url: str) -> None:
        """A next page on another host would be given our token."""
        ours, theirs = urlsplit(self._base), urlsplit(url)
        if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
            raise FatalError(
                f"{_shown(self.first_url)}: its next page is on another host, {theirs.hostname}, which is not asked.",
                todo=f"Write the address that the API itself uses into {self._variable}.",
            )

    def _make_client(self, url: DatabaseUrl, secrets: ApiSecrets) -> Any:
        timeout = TIMEOUT_SECONDS if self._source.timeout is None else self._source.timeout.total_seconds()
        common: dict[str, Any] = {"timeout": timeout, "headers": {"Accept": "application/json"}}
        match self._source.auth:
            case BearerAuth():
                common["headers"]["Authorization"] = f"Bearer {self._need(secrets.token, 'TOKEN')}"
            case HeaderAuth(name=name):
                common["headers"][name] = self._need(secrets.token, "TOKEN")
            case BasicAuth():
                common["auth"] = httpx.BasicAuth(self._need(url.user, "URL"), url.password)
            case OAuth2Auth(token_url=token_url, scope=scope):
                return OAuth2Client(
                    self._need(secrets.client_id, "CLIENT_ID"),
                    self._need(secrets.client_secret, "CLIENT_SECRET"),
                    scope=scope,
                    token_endpoint=urljoin(f"{self._base}/", token_url),
                    grant_type="client_credentials",
                    **common,
                )
        return httpx.Client(**common)

    def _need(self, secret: str, what: str) -> str:
        if not secret:
            name = self._variable.removesuffix("URL") + what
            raise ConfigurationError(
                f"The API's file asks for auth by {self._source.auth.by}, and {name} has none.",
                todo=f"Set {name}.",
            )
        return secret


def _wait(state: tenacity.RetryCallState) -> float:
    """As long as the API asks for, else longer each time. Raises the error itself when the pause would be too long."""
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, _ToWaitForError) or error.seconds is None:
        return float(_PAUSES(state))
    if error.seconds > LONGEST_WAIT_SECONDS:
        raise error
    return error.seconds


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds, or a moment (RFC 9110, 10.2.3); `None` when it does not say."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _answer(response: httpx.Response, shown: str) -> Answer:
    kind = response.headers.get("Content-Type", "nothing said").partition(";")[0].strip()
    if "html" in kind:
        raise DataQualityError(
            f"{shown}: the API answered {response.status_code} with {kind} instead of JSON.",
            todo="It may be a page for people to sign in: check path and auth. Nothing was taken.",
        )
    try:
        document = json.loads(response.content, parse_float=Decimal)
    except ValueError as error:
        position = getattr(error, "pos", 0)
        raise DataQualityError(
            f"{shown}: the answer ({kind}, {len(response.content):,} bytes) is no JSON from byte {position:,} on.",
            todo="Nothing was taken; the API must answer JSON.",
        ) from None
    return Answer(document, str(response.links.get("next", {}).get("url", "")))


def _shown(url: str) -> str:
    """An address for people, without query and credentials."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
