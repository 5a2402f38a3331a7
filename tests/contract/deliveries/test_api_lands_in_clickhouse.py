"""What a table of an API's answers promises, with an HTTP server process and a real engine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from dagster_pipeline.connectors.sources.api.client import ApiClient, ApiSecrets
from dagster_pipeline.connectors.sources.api.connector import ApiAnswerSource
from dagster_pipeline.connectors.sources.base_delivery_source import ANSWERS
from dagster_pipeline.errors import (
    ConfigurationError,
    DataQualityError,
    FatalError,
    RetriableError,
    ShrinkRefusedError,
)
from dagster_pipeline.landing.destination import landing_table
from dagster_pipeline.landing.result import LandingResult
from dagster_pipeline.landing.table_landing import TableLanding
from dagster_pipeline.schema.api_models import ApiFile
from dagster_pipeline.state.state_manager import StateManager
from tests.contract.deliveries.lake import Lake, parse

COLUMNS = [
    {"name": "id", "type": "Int64", "primary_key": True},
    {"name": "city", "type": "String", "arrives_as": "user.address.city", "nullable": True},
    {"name": "price", "type": "Decimal(20, 4)", "nullable": True},
    {"name": "at", "type": "DateTime64(3, 'UTC')", "nullable": True},
    {"name": "tags", "type": "Array(String)"},
]
SECRETS = ApiSecrets(token="s3cret-token", client_id="us", client_secret="s3cret-word")


def record(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "user": {"address": {"city": f"city {number}"}},
        "price": 1.1,
        "at": f"2024-01-{number:02d}T00:00:00.000Z",
        "tags": ["a", "b"],
        **changes,
    }


class Api:
    """The server, the file, and a table that its answers land in."""

    def __init__(self, lake: Lake, folder: Path, port: int) -> None:
        self.lake, self.folder, self.port = lake, folder, port
        self.pauses: list[float] = []

    def script(self, **paths: Any) -> None:
        (self.folder / "script.json").write_text(
            json.dumps({f"/v1/{path}": each for path, each in paths.items()})
        )

    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "requests.jsonl").read_text().splitlines()]

    def land(self, columns: Any = COLUMNS, *, user: str = "", **source: Any) -> LandingResult:
        file = ApiFile.model_validate(
            {
                "version": 1,
                "source": {"connection": "shop", "path": "orders", "records": "data.items", **source},
                "destination": {"database": "lake", "table": "events"},
                "columns": columns,
            }
        )
        url = parse(f"http://{user}127.0.0.1:{self.port}/v1", "API_SHOP_URL")
        client = ApiClient(file.source, url=url, secrets=SECRETS, sleep=self.pauses.append)
        with closing(StateManager(parse(self.lake.state_url, "STATE_URL"))) as state:
            before = lambda: state.cursors("lake/events").get(ANSWERS)  # noqa: E731 -- short
            with ApiAnswerSource(file, name="orders", client=client, before=before) as answers:
                return TableLanding(
                    table=landing_table(file, "events"),
                    source=answers,
                    sink=self.lake.sink,
                    state=state,
                    run_id="test",
                    replaces=file.source.incremental is None,
                ).run()

    def ids(self) -> list[int]:
        return [number for (number,) in self.lake.rows("SELECT id FROM lake.events FINAL ORDER BY id")]


@pytest.fixture
def api(lake: Lake, tmp_path: Path) -> Iterator[Api]:
    folder = tmp_path / "api"
    folder.mkdir()
    process = subprocess.Popen([sys.executable, "-m", "tests.contract.deliveries.api_server", str(folder)])
    try:
        deadline = time.monotonic() + 60
        while not (folder / "port").exists() or not (folder / "port").read_text():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        yield Api(lake, folder, int((folder / "port").read_text()))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


FIVE = [record(number) for number in range(1, 6)]


@pytest.mark.parametrize(
    ("pages", "requests"),
    [
        ({"by": "cursor", "path": "meta.next", "parameter": "cursor"}, 3),
        ({"by": "page"}, 4),
        ({"by": "offset", "limit": 2}, 4),
        ({"by": "link"}, 3),
    ],
    ids=lambda value: value["by"] if isinstance(value, dict) else "",
)
def test_every_way_of_paging_brings_every_record_once(api: Api, pages: dict[str, Any], requests: int) -> None:
    api.script(orders={"by": pages["by"], "records": FIVE})
    result = api.land(pages=pages, parameters={"status": "paid"})
    assert (result.rows, api.ids(), len(api.requests())) == (5, [1, 2, 3, 4, 5], requests)
    assert api.requests()[0]["parameters"]["status"] == "paid"
    row = api.lake.rows("SELECT city, toString(price), toString(at), tags FROM lake.events WHERE id = 3")
    assert row == [("city 3", "1.1", "2024-01-03 00:00:00.000", ["a", "b"])]


@pytest.mark.parametrize(
    ("auth", "wants", "user"),
    [
        ({"by": "bearer"}, ["Authorization", "Bearer s3cret-token"], ""),
        ({"by": "header", "name": "X-API-Key"}, ["X-API-Key", "s3cret-token"], ""),
        ({"by": "basic"}, ["basic", "me:s3cret word"], "me:s3cret%20word@"),
    ],
    ids=["bearer", "header", "basic"],
)
def test_every_way_of_signing_in(api: Api, auth: dict[str, Any], wants: list[str], user: str) -> None:
    api.script(orders={"by": "none", "records": FIVE, "size": 9, "auth": wants})
    assert api.land(auth=auth, user=user).rows == 5
    api.script(orders={"by": "none", "records": FIVE, "auth": [wants[0], "another:one"]})
    with pytest.raises(ConfigurationError, match=r"does not let us in \(401\).*may have expired") as raised:
        api.land(auth=auth, user=user)
    assert "s3cret" not in str(raised.value)


def test_an_oauth2_token_that_expired_is_asked_for_again(api: Api) -> None:
    tokens = [
        {"json": {"access_token": name, "token_type": "bearer", "expires_in": 3600}}
        for name in ("old", "new")
    ]
    api.script(
        token={"answers": tokens},
        orders={"by": "none", "records": FIVE, "size": 9, "auth": ["Authorization", "Bearer new"]},
    )
    assert api.land(auth={"by": "oauth2", "token_url": "token", "scope": "read"}).rows == 5
    asked = [each for each in api.requests() if each["path"] == "/v1/token"]
    assert len(asked) == 2
    assert "grant_type=client_credentials" in asked[0]["body"]
    api.script(
        token={"answers": [{"status": 400, "json": {"error": "invalid_client"}}]}, orders={"by": "none"}
    )
    with pytest.raises(ConfigurationError, match="no token was given out") as raised:
        api.land(auth={"by": "oauth2", "token_url": "token"})
    assert "s3cret" not in str(raised.value)


def test_the_api_says_how_long_to_wait(api: Api) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    good = {"json": {"data": {"items": FIVE}}}
    busy = {"status": 429, "headers": {"Retry-After": "7"}}
    later = {"status": 503, "headers": {"Retry-After": moment}}
    api.script(orders={"answers": [busy, later, {"status": 500}, good]})
    assert api.land().rows == 5
    assert api.pauses[0] == 7
    assert 60 < api.pauses[1] <= 100
    assert api.pauses[2] < 60


@pytest.mark.parametrize("answer", [{"status": 503}, {"status": 429, "headers": {"Retry-After": "9999"}}])
def test_an_api_that_stays_busy_is_left_to_the_next_run(api: Api, answer: dict[str, Any]) -> None:
    api.script(orders={"answers": [answer]})
    with pytest.raises(RetriableError, match="the API answered"):
        api.land()
    assert len(api.requests()) == (1 if "headers" in answer else 5)


def test_only_what_changed_is_asked_for(api: Api) -> None:
    asking = {
        "pages": {"by": "page"},
        "incremental": {"parameter": "since", "column": "at", "start": "2024-01-02"},
    }
    api.script(orders={"by": "page", "records": FIVE})
    assert api.land(**asking).rows == 4
    assert (api.land(**asking).rows, api.ids()) == (1, [2, 3, 4, 5])  # what was seen last is seen again
    assert api.land(**asking).landed == ()
    changed = record(5, at="2024-01-06T00:00:00.000Z", price=2)
    api.script(orders={"by": "page", "records": [*FIVE[:4], changed, record(7)]})
    api.land(**asking)
    asked = [each["parameters"]["since"] for each in api.requests() if each["parameters"]["page"] == "1"]
    assert asked == ["2024-01-02", *["2024-01-05T00:00:00.000Z"] * 3]
    assert api.lake.rows("SELECT id, toString(price) FROM lake.events FINAL WHERE id >= 5 ORDER BY id") == [
        (5, "2"),
        (7, "1.1"),
    ]
    nothing = asking | {"incremental": {**asking["incremental"], "lookback": "1d"}}  # type: ignore[dict-item]
    api.land(**nothing)
    assert api.requests()[-1]["parameters"]["since"] == "2024-01-06T00:00:00Z"


def test_without_incremental_the_answers_take_the_tables_place(api: Api) -> None:
    api.script(orders={"by": "none", "records": FIVE, "size": 9})
    keyless = [{**column, "primary_key": False} for column in COLUMNS]
    api.land(keyless)
    assert api.land(keyless).landed == ()
    api.script(orders={"by": "none", "records": [*FIVE[2:], record(9)], "size": 9})
    api.land(keyless)
    assert api.lake.rows("SELECT id FROM lake.events ORDER BY id") == [(3,), (4,), (5,), (9,)]
    api.script(orders={"by": "none", "records": [], "size": 9})
    with pytest.raises(ShrinkRefusedError):
        api.land(keyless)
    api.script(orders={"by": "none", "records": FIVE, "size": 9})
    api.land(keyless)
    assert api.lake.count() == 5
    assert api.lake.stagings() == []


BY_CURSOR = {"pages": {"by": "cursor", "path": "next", "parameter": "c"}}
BY_LINK = {"pages": {"by": "link"}}


def linked(to: str) -> dict[str, Any]:
    return {"json": {"data": {"items": FIVE}}, "headers": {"Link": f'<{to}>; rel="next"'}}


@pytest.mark.parametrize(
    ("answer", "source", "error", "said"),
    [
        ({"type": "text/html", "text": "<html>secret</html>"}, {}, DataQualityError, "200 with text/html instead of JSON"),
        ({"text": '{"data": {"items": [{"id": 1, "secret'}, {}, DataQualityError, "is no JSON from byte"),
        ({"text": ""}, {}, DataQualityError, "0 bytes. is no JSON"),
        ({"json": {"items": [], "secrets": 1}}, {}, ConfigurationError, "leads to NoneType.*items, secrets"),
        ({"json": {"data": {"items": [record(1, id="secret")]}}}, {}, DataQualityError, "a value at 'id' is no Int64"),
        ({"json": {"data": {"items": [record(1, id=None)]}}}, {}, DataQualityError, r"1 row\(s\) have no value in column 'id'"),
        ({"json": {"data": {"items": [record(1, price=True)]}}}, {}, DataQualityError, "'price'"),
        ({"json": {"data": {"items": [record(1, price=1.23456)]}}}, {}, DataQualityError, "'price'"),
        ({"json": {"data": {"items": [record(1, at="secret")]}}}, {}, DataQualityError, "'at'"),
        ({"status": 404}, {}, ConfigurationError, "no such path"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}, {}, ConfigurationError, "sends us elsewhere"),
        ({"status": 418}, {}, FatalError, "418"),
        ({"json": {"data": {"items": FIVE}}}, {"pages": {"by": "page"}}, DataQualityError, "Page 2 .*same records"),
        ({"json": {"data": {"items": FIVE}, "next": "x"}}, BY_CURSOR, DataQualityError, "never end"),
        ({"json": {"data": {"items": []}, "next": "x"}}, BY_CURSOR, DataQualityError, "never end"),
        (linked("?again=1"), BY_LINK, DataQualityError, "same records"),
        (linked("http://127.0.0.9/"), BY_LINK, FatalError, "another host"),
    ],
)  # fmt: skip
def test_a_bad_answer_is_a_clear_error_and_nothing_is_half_written(
    api: Api, answer: dict[str, Any], source: dict[str, Any], error: type[Exception], said: str
) -> None:
    api.script(orders={"answers": [answer]})
    with pytest.raises(error, match=said) as raised:
        api.land(**source)
    assert "secret " not in str(raised.value)
    assert "<html>" not in str(raised.value)
    assert api.lake.count() == 0


def test_a_bad_page_after_good_ones_leaves_nothing(api: Api) -> None:
    good = {"json": {"data": {"items": FIVE}}}
    api.script(orders={"answers": [good, {"type": "text/html", "text": "<html>"}]})
    with pytest.raises(DataQualityError, match="instead of JSON"):
        api.land(pages={"by": "page"})
    assert api.lake.count() == 0


def test_pages_without_an_end_stop_at_the_cap(api: Api) -> None:
    api.script(orders={"by": "page", "records": [record(1, id=number) for number in range(50)]})
    with pytest.raises(DataQualityError, match=r"more pages than source\.max_pages, 3"):
        api.land(pages={"by": "page"}, max_pages=3)


def test_a_path_with_a_slip_in_it_is_a_note(api: Api) -> None:
    api.script(orders={"by": "none", "records": FIVE, "size": 9})
    slipped = [*COLUMNS[:1], {**COLUMNS[1], "arrives_as": "user.adress.city"}, *COLUMNS[2:]]
    assert api.land(slipped).notes == ("no record has a value for city; check arrives_as",)
