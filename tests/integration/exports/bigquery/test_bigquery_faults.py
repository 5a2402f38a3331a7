"""What breaks between us and BigQuery: connections, the service, quotas, permissions, our own process. Never doubled."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dagster_pipeline.connectors.sink.base_export_sink import ExportMode
from dagster_pipeline.connectors.sink.bigquery.sink import BigQuerySink
from dagster_pipeline.errors import ConfigurationError, FatalError, PipelineError, RetriableError
from scripts.servers.bigquery import BigQueryServer, Fault
from tests.integration.exports.bigquery.accounts import batch, export

OpenSink = Callable[..., BigQuerySink]
Rows = Callable[[], list[dict[str, Any]]]
ROOT = Path(__file__).parents[4]
DEADLINE_SECONDS = 120
PARQUET = {"sourceFormat": "PARQUET", "writeDisposition": "WRITE_APPEND"}
ONCE = [{"id": 1, "status": "once", "balance": None}]


def _append(sink: BigQuerySink) -> None:
    of = export(mode=ExportMode.APPEND)
    sink.check(of)
    sink.stage(of, [batch((1, "once", None))])
    sink.publish(of)


@pytest.mark.usefixtures("without_pauses")
@pytest.mark.parametrize("kind", ["answer", "cut_body", "cut_answer"])
@pytest.mark.parametrize(
    "call",
    [
        *("datasets.get", "tables.get", "tables.insert", "jobs.get"),
        *("upload.multipart", "jobs.insert.copy", "tables.patch", "tables.delete"),
    ],
)
def test_a_call_that_fails_is_made_again_and_counts_once(
    open_sink: OpenSink, rows: Rows, server: BigQueryServer, call: str, kind: Any
):
    fault = server.fail(call, Fault(kind), times=2)
    _append(open_sink())
    assert fault.reached.is_set() or kind == "answer"
    assert server.calls.count(call) > 2
    assert rows() == ONCE


@pytest.mark.usefixtures("without_pauses")
@pytest.mark.parametrize("kind", ["answer", "cut_body", "cut_answer"])
@pytest.mark.parametrize("call", ["upload.start", "upload.chunk"])
def test_a_large_upload_that_breaks_is_resumed_and_counts_once(
    open_sink: OpenSink, rows: Rows, server: BigQueryServer, call: str, kind: Any
):
    server.fail(call, Fault(kind))
    noise = os.urandom(3 << 20).hex()  # larger than what the client sends in one request
    of = export(mode=ExportMode.APPEND)
    sink = open_sink()
    assert sink.stage(of, [batch((1, noise, None), (2, noise[::-1], None))]).bytes > 5 << 20
    sink.publish(of)
    assert [(row["id"], row["status"] == noise) for row in rows()] == [(1, True), (2, False)]
    assert "upload.multipart" not in server.calls
    assert server.calls.count(call) > 1


@pytest.mark.usefixtures("without_pauses")
@pytest.mark.parametrize("call", ["upload.multipart", "jobs.insert.copy", "jobs.insert.query"])
@pytest.mark.parametrize("reason", ["backendError", "rateLimitExceeded"])
def test_a_job_that_the_service_failed_is_followed_by_another(
    open_sink: OpenSink, rows: Rows, server: BigQueryServer, call: str, reason: str
):
    sink, of = open_sink(), export(mode=ExportMode.MERGE)
    sink.check(of)
    if call == "jobs.insert.query":
        sink.stage(of, [batch((1, "once", None))])
    server.fail(call, Fault("job_error", reason=reason), times=2)
    if call != "jobs.insert.query":
        sink.stage(of, [batch((1, "once", None))])
    sink.publish(of)
    assert rows() == ONCE


@pytest.mark.usefixtures("without_pauses")
def test_a_job_that_always_fails_is_given_up_and_the_next_run_goes_on(
    open_sink: OpenSink, rows: Rows, server: BigQueryServer
):
    of = export(mode=ExportMode.APPEND)
    open_sink().stage(of, [batch((1, "once", None))])
    server.fail("jobs.insert.copy", Fault("job_error", reason="backendError"), times=3)
    with pytest.raises(RetriableError, match=r"publish_2\): backendError\. a fault") as caught:
        open_sink().publish(of)
    assert caught.value.code == "backendError"
    open_sink().publish(of)
    open_sink().publish(of)
    assert rows() == ONCE


@pytest.mark.parametrize(
    ("reason", "expected", "todo"),
    [
        pytest.param("quotaExceeded", RetriableError, "A quota", id="quota"),
        pytest.param("stopped", RetriableError, "cancelled", id="cancelled"),
        pytest.param("accessDenied", ConfigurationError, "BigQuery Data Editor", id="permission"),
        pytest.param("billingNotEnabled", ConfigurationError, "Enable billing", id="billing"),
        pytest.param("resourcesExceeded", FatalError, "fewer rows", id="resources"),
        pytest.param("invalid", FatalError, "", id="invalid"),
    ],
)
def test_a_job_that_failed_says_what_to_do_and_may_be_repeated(
    open_sink: OpenSink,
    rows: Rows,
    server: BigQueryServer,
    reason: str,
    expected: type[PipelineError],
    todo: str,
):
    of, sink = export(mode=ExportMode.APPEND), open_sink()
    sink.stage(of, [batch((1, "once", None))])
    server.fail("jobs.insert.copy", Fault("job_error", reason=reason))
    with pytest.raises(PipelineError, match=reason) as caught:
        sink.publish(of)
    assert type(caught.value) is expected
    assert todo in caught.value.todo
    sink.publish(of)
    assert rows() == ONCE


def test_a_missing_permission_is_told_before_a_row_is_read(open_sink: OpenSink, server: BigQueryServer):
    server.fail("jobs.insert.query", Fault("answer", status=403, reason="accessDenied"))
    with pytest.raises(
        ConfigurationError, match=r"Checking acme\.sales\.accounts: accessDenied.* BigQuery Job User"
    ):
        open_sink().check(export())


def test_a_refused_load_names_the_job_and_no_value(open_sink: OpenSink, server: BigQueryServer):
    server.fail("upload.multipart", Fault("job_error", reason="invalid"))
    with pytest.raises(FatalError) as caught:
        open_sink().stage(export(), [batch((1, "a secret", None))])
    assert "(job dagster_pipeline_sales_accounts_aaaaaaaaaaaa_load_" in str(caught.value)
    assert "a fault that was asked for" not in str(caught.value)


@pytest.mark.usefixtures("without_pauses")
@pytest.mark.parametrize("mode", [ExportMode.APPEND, ExportMode.MERGE])
def test_a_job_that_runs_is_waited_for(
    open_sink: OpenSink, rows: Rows, server: BigQueryServer, mode: ExportMode
):
    of, sink = export(mode=mode), open_sink()
    sink.stage(of, [batch((1, "once", None))])
    server.fail(f"jobs.insert.{'copy' if mode is ExportMode.APPEND else 'query'}", Fault("running"))
    sink.publish(of)
    assert rows() == ONCE


@pytest.mark.usefixtures("without_pauses")
def test_a_load_that_arrives_after_its_attempt_changes_nothing(
    open_sink: OpenSink, rows: Rows, server: BigQueryServer
):
    """An attempt that died may leave a load under way: it ends in a table that nobody reads."""
    of, sink = export(mode=ExportMode.APPEND), open_sink()

    def dies_while_reading() -> Any:
        yield batch((1, "lost", None))
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        sink.stage(of, dies_while_reading())
    (left,) = server.tables.names("acme", "sales")
    sink.stage(of, [batch((1, "once", None))])
    assert left.startswith("accounts__load_aaaaaaaaaaaa_")
    assert server.tables.load(("acme", "sales", left), _parquet(batch((1, "late", None))), PARQUET) == 1
    sink.publish(of)
    assert rows() == ONCE


def test_killed_between_stage_and_publish_the_next_run_publishes(
    open_sink: OpenSink, rows: Rows, server: BigQueryServer
):
    ended = _process(server, "stage").wait(DEADLINE_SECONDS)
    assert ended == -signal.SIGKILL
    assert server.tables.names("acme", "sales") == ["accounts__stage_aaaaaaaaaaaa"]
    open_sink().publish(export(mode=ExportMode.APPEND))
    assert rows() == ONCE


def test_killed_after_the_job_was_accepted_but_before_we_heard_is_not_doubled(
    open_sink: OpenSink, rows: Rows, server: BigQueryServer
):
    server.fail("jobs.insert.copy", Fault("running"))  # the one that seals what is staged
    held = server.fail("jobs.insert.copy", Fault("hold"))
    process = _process(server, "all")
    assert held.reached.wait(DEADLINE_SECONDS)
    process.kill()
    process.wait(DEADLINE_SECONDS)
    held.release.set()
    assert rows() == ONCE
    assert "accounts__stage_aaaaaaaaaaaa" in server.tables.names("acme", "sales")
    copies = server.calls.count("jobs.insert.copy")
    open_sink().publish(export(mode=ExportMode.APPEND))
    assert rows() == ONCE
    assert server.calls.count("jobs.insert.copy") == copies
    assert server.tables.names("acme", "sales") == ["accounts"]


def _parquet(rows: pa.RecordBatch) -> bytes:
    written = io.BytesIO()
    fields = [field.with_nullable(field.name == "balance") for field in rows.schema]
    pq.write_table(pa.Table.from_batches([rows.cast(pa.schema(fields))]), written)
    return written.getvalue()


def _process(server: BigQueryServer, what: str) -> subprocess.Popen[bytes]:
    module = "tests.integration.exports.bigquery.export_process"
    return subprocess.Popen([sys.executable, "-m", module, server.endpoint, what], cwd=ROOT)
