"""Runs the steps of a run as threads of the run's own process.

Three hundred small tables that are due at one minute are one run. A process for each, Dagster's default, costs three
CPU seconds of interpreter and imports a table; one after another, its in-process way, lets a large table stop the small
ones. Here a step is a thread: own events, own retries, own failure. What this gives up: a process that dies takes all its
steps with it (each resumes from its ledger), and the interpreter's lock is shared, which bulk data hardly touch.

Interrupts: signals reach only the main thread, so a cancelled run raises `DagsterExecutionInterruptedError` in each
step's thread, where the steps' own code already expects it.

Built on Dagster's in-process executor; `tests/integration/execution` holds what is relied on.
"""

from __future__ import annotations

import ctypes
import os
import queue
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import dagster as dg
from dagster._core.events import EngineEventData
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.compute_logs import create_compute_log_file_key
from dagster._core.execution.context.system import (
    PlanExecutionContext,
    PlanOrchestrationContext,
    StepExecutionContext,
)
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.execute_plan import _trigger_hook, dagster_event_sequence_for_step
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.base import Executor

from dagster_pipeline.execution.event_storage import kept_open
from dagster_pipeline.execution.pool_claims import PoolClaims

POLL_SECONDS = 0.1
"""How soon an interrupt, a retry that is due or a slot that another run gave back is noticed."""


def thread_executor(*, steps_at_once: int, pool_limits: Mapping[str, int]) -> dg.ExecutorDefinition:
    """The executor for `Definitions(executor=...)`.

    Args:
        steps_at_once: default of the run config's `execution.config.max_concurrent`.
        pool_limits: limits of pools that must not have the instance's default; a limit set by hand wins.
    """

    @dg.executor(
        name="threads",
        config_schema={
            "max_concurrent": dg.Field(
                int, default_value=steps_at_once, description="How many steps run at the same time."
            )
        },
    )
    def threads(context: dg.InitExecutorContext) -> ThreadExecutor:
        return ThreadExecutor(
            max_concurrent=int(str(context.executor_config["max_concurrent"])), pool_limits=pool_limits
        )

    return threads


class ThreadExecutor(Executor):
    """See the module."""

    def __init__(self, *, max_concurrent: int, pool_limits: Mapping[str, int]) -> None:
        self._max_concurrent = max(1, max_concurrent)
        self._pool_limits = pool_limits

    @property
    def retries(self) -> RetryMode:
        """Retry policies are honoured."""
        return RetryMode.ENABLED

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Run the plan; yields every step's events as they happen."""
        facts = EngineEventData.in_process(os.getpid(), execution_plan.step_keys_to_execute)
        yield dg.DagsterEvent.engine_event(
            plan_context, f"Executing steps as threads of process {os.getpid()}", event_specific_data=facts
        )
        began = time.monotonic()
        with kept_open(plan_context.instance.event_log_storage):
            yield from self._run(plan_context)
        seconds = time.monotonic() - began
        yield dg.DagsterEvent.engine_event(
            plan_context, f"Finished steps in {seconds:.1f} s", event_specific_data=facts
        )

    def _run(self, plan_context: PlanOrchestrationContext) -> Iterator[dg.DagsterEvent]:
        return iter(
            ExecuteRunWithPlanIterable(
                execution_plan=plan_context.execution_plan,
                iterator=partial(
                    _run_steps, max_concurrent=self._max_concurrent, pool_limits=self._pool_limits
                ),
                execution_context_manager=PlanExecutionContextManager(
                    job=plan_context.job,
                    retry_mode=plan_context.retry_mode,
                    execution_plan=plan_context.execution_plan,
                    run_config=plan_context.run_config,
                    dagster_run=plan_context.dagster_run,
                    instance=plan_context.instance,
                    raise_on_error=False,  # it would be raised in the step's thread, where nobody catches it
                    output_capture=plan_context.output_capture,
                    step_dependency_config=self.step_dependency_config,
                ),
            )
        )


@dataclass(eq=False)
class _StepThread:
    """One step at work. What it says goes into `said`, in order; `None` is its last word."""

    context: StepExecutionContext
    said: queue.SimpleQueue[tuple[_StepThread, dg.DagsterEvent | None]]
    events: list[dg.DagsterEvent] = field(default_factory=list)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self.context.step.key, daemon=True)
        self._thread.start()

    def interrupt(self) -> None:
        """Raise in the thread at its next bytecode; nothing happens when it has ended."""
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(self._thread.ident or 0), ctypes.py_object(dg.DagsterExecutionInterruptedError)
        )

    def _run(self) -> None:
        try:
            for event in dagster_event_sequence_for_step(self.context):
                self.events.append(event)
                self.said.put((self, event))
            for event in _trigger_hook(self.context, self.events):
                self.said.put((self, event))
        except dg.DagsterExecutionInterruptedError:
            pass  # the step has said so itself, or the run will
        except BaseException:
            self.context.log.exception("The thread of the step ended.")
        finally:
            self.said.put((self, None))


def _run_steps(
    job_context: PlanExecutionContext,
    execution_plan: ExecutionPlan,
    *,
    max_concurrent: int,
    pool_limits: Mapping[str, int],
) -> Generator[dg.DagsterEvent, None, None]:
    with (
        PoolClaims(job_context.instance, job_context.dagster_run, limits=pool_limits) as claims,
        execution_plan.start(
            retry_mode=job_context.retry_mode,
            instance_concurrency_context=claims,
            step_dependency_config=job_context.step_dependency_config,
        ) as active,
        ExitStack() as logs,
    ):
        yield from _capture_logs(job_context, execution_plan, logs)
        yield from _Steps(job_context, active, claims, max_concurrent).run()


def _capture_logs(
    job_context: PlanExecutionContext, execution_plan: ExecutionPlan, logs: ExitStack
) -> Generator[dg.DagsterEvent, None, None]:
    """One log for all steps: they share a process, and with it standard output."""
    manager = job_context.instance.compute_log_manager
    key = manager.build_log_key_for_run(job_context.run_id, create_compute_log_file_key())  # type: ignore[no-untyped-call]  # Dagster's own
    try:
        captured = logs.enter_context(manager.capture_logs(key))
    except Exception as error:  # noqa: BLE001 -- a log that cannot be kept must not stop the tables
        job_context.log.warning("What steps print is not kept: %s", error)
        return
    steps = [step.key for step in execution_plan.get_steps_to_execute_in_topo_order()]
    yield dg.DagsterEvent.capture_logs(job_context, steps, key, captured)


class _Steps:
    """The loop: start what may start, pass on what is said."""

    def __init__(
        self,
        job_context: PlanExecutionContext,
        active: ActiveExecution,
        claims: PoolClaims,
        max_concurrent: int,
    ) -> None:
        self._context = job_context
        self._active = active
        self._claims = claims
        self._max_concurrent = max_concurrent
        self._running: set[_StepThread] = set()
        self._said: queue.SimpleQueue[tuple[_StepThread, dg.DagsterEvent | None]] = queue.SimpleQueue()
        self._stopping = False

    def run(self) -> Generator[dg.DagsterEvent, None, None]:
        try:
            while self._running or not (self._stopping or self._active.is_complete):
                if self._active.check_for_interrupts():
                    yield from self._stop()
                if not self._stopping and len(self._running) < self._max_concurrent:
                    yield from self._start()
                yield from self._listen()
        finally:
            self._claims.free_spares()
        if self._stopping:
            raise dg.DagsterExecutionInterruptedError

    def _start(self) -> Generator[dg.DagsterEvent, None, None]:
        for step in self._active.get_steps_to_execute(limit=self._max_concurrent - len(self._running)):
            context = self._context.for_step(step, self._active.get_known_state())
            thread = _StepThread(context, self._said)
            self._running.add(thread)
            thread.start()
        self._claims.free_spares()
        yield from self._active.concurrency_event_iterator(self._context)

    def _stop(self) -> Generator[dg.DagsterEvent, None, None]:
        self._stopping = True
        self._active.mark_interrupted()
        keys = [thread.context.step.key for thread in self._running]
        yield dg.DagsterEvent.engine_event(
            self._context, "Interrupting the running steps", EngineEventData.interrupted(keys)
        )
        for thread in self._running:
            thread.interrupt()

    def _listen(self) -> Generator[dg.DagsterEvent, None, None]:
        """Wait for one word, then take all that are there."""
        try:
            word: Any = self._said.get(timeout=POLL_SECONDS)
        except queue.Empty:
            return
        while True:
            thread, event = word
            if event is None:
                self._running.discard(thread)
                self._active.verify_complete(self._context, thread.context.step.key)
                yield from self._active.plan_events_iterator(self._context)
            else:
                yield event
                if event.is_step_up_for_retry:
                    self._claims.free_step_that_returns(str(event.step_key))
                if event.step_key is not None:
                    self._active.handle_event(event)
            if self._said.empty():
                return
            word = self._said.get()
