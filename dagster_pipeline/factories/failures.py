"""Our error tree as Dagster understands it; the one place where the two meet.

A retry is worth it only for `RetriableError`: every other one of ours becomes a `Failure` that neither the step's retry
policy nor run retries repeat. Each carries its parts as metadata, which alerts read. An interrupt becomes one too, since the
in-process executor would otherwise take it for a reason to retry (dagster-io/dagster#15026).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from dagster_pipeline.errors import PipelineError, RetriableError

NO_RUN_RETRY = {"dagster/retry_on_asset_or_op_failure": "false"}


@contextmanager
def as_dagster_failures(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, *, table: str
) -> Generator[None, None, None]:
    """Run the body and translate what it raises."""
    try:
        yield
    except dg.DagsterExecutionInterruptedError as error:
        raise dg.Failure(
            f"{table}: interrupted. What was acknowledged stays; the next run goes on from there.",
            allow_retries=False,
        ) from error
    except RetriableError as error:
        raise dg.Failure(f"{table}: {error}", metadata=_facts(error)) from error
    except PipelineError as error:
        context.instance.add_run_tags(context.run.run_id, NO_RUN_RETRY)
        raise dg.Failure(f"{table}: {error}", metadata=_facts(error), allow_retries=False) from None


def _facts(error: PipelineError) -> dict[str, str]:
    facts = {"error": type(error).__name__, "what": error.what, "what to do": error.todo}
    return {name: text for name, text in facts.items() if text}
