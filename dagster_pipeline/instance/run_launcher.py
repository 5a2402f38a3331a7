"""Runs as processes of the code server, and whether they still live.

Dagster's default launcher cannot tell: a run whose code server was killed stays "started" until its longest time is over,
a day later, and holds its place in the queue. The code server itself knows which runs it has, so the daemon asks it. A
run that it does not have is marked as failed, and run retries start it anew.
"""

from __future__ import annotations

from dagster import DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster_shared.serdes import deserialize_value

ANSWER_SECONDS = 10


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, which the daemon may ask about a run."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes: that is what it is for."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the code server still has the run. While it does not answer, the run counts as alive.

        A server that is started again answers soon, and then says no. A network that is cut says nothing about the run.
        """
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]  # Dagster's own
        if client is None:  # it has just ended, or this launcher did not start it
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        request = CanCancelExecutionRequest(run_id=run.run_id)
        try:
            answer = deserialize_value(
                client.can_cancel_execution(request, timeout=ANSWER_SECONDS), CanCancelExecutionResult
            )
        except DagsterUserCodeUnreachableError as error:
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"The code server does not answer: {error}")
        if answer.can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND, "The code server was started anew and does not have this run any more."
        )
