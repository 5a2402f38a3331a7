"""Jobs that are begun once, whoever asks how often.

A job's id can be used once in a project, and the service remembers it for months. So an id is made of what the job does, and
who does not know whether it was accepted asks by the id instead of beginning another one. A job changes all that it is to
change or nothing; one that failed changed nothing, and is followed by one with the next number.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

from google.api_core.exceptions import Conflict, GoogleAPICallError, NotFound
from google.api_core.retry import Retry
from google.cloud import bigquery

from dagster_pipeline.connectors.sink.bigquery.errors import bigquery_errors, is_transient, translated

REQUEST_SECONDS = 120.0
"""Of one request, by the socket."""
RETRY: Retry = bigquery.DEFAULT_RETRY.with_timeout(180.0)
"""Of requests that may be repeated: 429, 500, 502, 503 and connections that broke."""
FIRST_RETRY: Retry = bigquery.DEFAULT_RETRY.with_timeout(5.0)
"""Of the first request: an address where nobody listens is told soon."""
JOB_SECONDS = 4 * 3600.0
TRIES = 3
_PAUSES = (1.0, 5.0)

Job = bigquery.LoadJob | bigquery.CopyJob | bigquery.QueryJob | bigquery.ExtractJob | bigquery.UnknownJob
"""What the client may give for an id; an id of ours is always one of the first three."""


class Jobs:
    """Begins jobs of one project in one location, and waits for them."""

    def __init__(self, client: bigquery.Client, *, location: str) -> None:
        self._client = client
        self._location = location

    def once(self, name: str, begin: Callable[[str], Job], *, doing: str, quote: bool = True) -> Any:
        """The job of this name, ended well; `begin` gets the id to use. One that ran before is not begun again.

        Raises what `bigquery_errors` says for a job that failed; `quote` as in `translated`.
        """
        begun = 0
        for number in itertools.count():
            job_id = f"{name}_{number}"
            job = self._found(job_id, doing)
            if job is None:
                job = self._begun(job_id, begin, doing)
                begun += 1
                failed = self._waited(job, doing)
                if failed is None:
                    return job
                if not is_transient(failed) or begun == TRIES:
                    raise translated(failed, f"{doing} (job {job_id})", quote=quote)
                time.sleep(_PAUSES[begun - 1])
            elif self._waited(job, doing) is None:
                return job
        raise AssertionError("unreachable")

    def finished(self, name: str, *, doing: str) -> bool:
        """Whether the job of this name ran and ended well; waits for one that runs."""
        for number in itertools.count():
            job = self._found(f"{name}_{number}", doing)
            if job is None:
                return False
            if self._waited(job, doing) is None:
                return True
        raise AssertionError("unreachable")

    def _found(self, job_id: str, doing: str) -> Job | None:
        with bigquery_errors(doing):
            try:
                return self._client.get_job(
                    job_id, location=self._location, retry=RETRY, timeout=REQUEST_SECONDS
                )
            except NotFound:
                return None

    def _begun(self, job_id: str, begin: Callable[[str], Job], doing: str) -> Job:
        with bigquery_errors(doing):
            try:
                return begin(job_id)
            except Conflict:  # accepted, although the answer did not reach us
                pass
        found = self._found(job_id, doing)
        if found is None:
            raise AssertionError(f"{job_id} exists and does not.")
        return found

    def _waited(self, job: Job, doing: str) -> GoogleAPICallError | None:
        """Wait for the end; the error of a job that failed."""
        with bigquery_errors(doing):
            try:
                if isinstance(job, bigquery.QueryJob):
                    job.result(retry=RETRY, job_retry=None, timeout=JOB_SECONDS)
                else:
                    job.result(retry=RETRY, timeout=JOB_SECONDS)
            except GoogleAPICallError as error:
                job.reload(retry=RETRY, timeout=REQUEST_SECONDS)
                if job.state == "DONE" and job.error_result:
                    return error
                raise
        return None
