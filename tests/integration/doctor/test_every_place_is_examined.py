"""`doctor` at buckets, APIs, other ClickHouses and the databases that are written into: real servers, real refusals."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import psycopg2
import pymysql
import pytest

from dagster_pipeline.doctor.deadline import examine_all
from dagster_pipeline.doctor.diagnosis import Level
from dagster_pipeline.doctor.examinations import examinations
from dagster_pipeline.schema_tree import load_tree
from dagster_pipeline.settings import Settings
from scripts.servers.clickhouse_http import running_front
from scripts.servers.s3 import running_s3
from scripts.servers.server import Server

COLUMNS = "columns: [{name: id, type: Int64, primary_key: true}]\ndestination: {database: d}\n"

Found = dict[tuple[str, str], list[tuple[Level, str, str]]]
Examine = Callable[..., Found]


@pytest.fixture
def examine(tmp_path: Path) -> Examine:
    """Write files, examine every place that they name; what was found by subject and check."""

    def run(files: dict[str, str], **variables: str) -> Found:
        for name, text in files.items():
            path = tmp_path / "schemas" / f"{name}.yml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"version: 1\n{text}")
        settings = Settings.from_environment(
            {"SCHEMAS_DIR": str(tmp_path / "schemas"), "DAGSTER_HOME": str(tmp_path), **variables}
        )
        planned = examinations(settings, load_tree(settings), seconds=60)
        wanted = {name: one for name, one in planned.items() if "/" in name}
        found: Found = {}
        for one in examine_all(wanted, seconds=60):
            found.setdefault((one.subject, one.check), []).append((one.level, one.what, one.todo))
        return found

    return run


class Api:
    """An API that knows one token and gives one answer."""

    def __init__(self) -> None:
        self.status, self.answer, self.asked = 200, dict[str, Any](), 0
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.asked += 1
                is_known = self.headers["Authorization"] == "Bearer right"
                self.send_response(api.status if is_known else 401)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(api.answer).encode())

            def log_message(self, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def guarded_s3() -> Iterator[dict[str, str]]:
    """An S3 server that asks who we are, and the bucket's address for users of different rights."""
    with running_s3() as url:
        host = url.partition("@")[2].strip("/")
        owner = {"endpoint_url": f"http://{host}", "region_name": "us-east-1", "aws_access_key_id": "testing"}
        clients = {
            kind: boto3.client(kind, **owner, aws_secret_access_key="s3cret") for kind in ("s3", "iam")
        }
        clients["s3"].create_bucket(Bucket="lake")
        clients["s3"].put_object(Bucket="lake", Key="in/a.parquet", Body=b"PAR1")
        users = []
        policies = {
            "all": ["s3:ListBucket", "s3:GetObject"],
            "list": ["s3:ListBucket"],
            "none": ["s3:ListAllMyBuckets"],
        }
        for name, actions in policies.items():
            clients["iam"].create_user(UserName=name)
            statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            clients["iam"].put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
            key = clients["iam"].create_access_key(UserName=name)["AccessKey"]
            users.append((name, key["AccessKeyId"], key["SecretAccessKey"]))
        urlopen(
            Request(f"http://{host}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}),
            timeout=30,
        ).close()
        addresses = {
            name: f"http://{key}:{secret.replace('/', '%2F').replace('+', '%2B')}@{host}/lake"
            for name, key, secret in users
        }
        yield addresses


def s3_file(pattern: str = "*.parquet") -> dict[str, str]:
    return {
        "s3/events": f"source: {{connection: lake, prefix: in/, pattern: '{pattern}', format: parquet}}\n{COLUMNS}"
    }


def test_a_bucket_is_listed_and_one_object_read(examine: Examine, guarded_s3: dict[str, str]) -> None:
    found = examine(s3_file(), S3_LAKE_URL=guarded_s3["all"])
    assert found["s3/lake", "connection"][0][:2] == (Level.OK, "Bucket lake answers.")
    assert found["s3/lake", "grant"][0][0] is Level.OK
    found = examine(s3_file("*.csv"), S3_LAKE_URL=guarded_s3["all"])
    assert "matches *.csv, so reading was not tried" in found["s3/lake", "examination"][0][1]


@pytest.mark.parametrize(("user", "right"), [("none", "s3:ListBucket"), ("list", "s3:GetObject")])
def test_the_right_that_a_bucket_lacks_is_named(
    examine: Examine, guarded_s3: dict[str, str], user: str, right: str
) -> None:
    ((level, what, todo),) = examine(s3_file(), S3_LAKE_URL=guarded_s3[user])["s3/lake", "grant"]
    assert level is Level.FAIL
    assert what.startswith(f"{right} on s3://lake/in/")
    assert f'"Action": "{right}"' in todo


def test_a_wrong_key_a_wrong_bucket_and_no_address_are_told_apart(
    examine: Examine, guarded_s3: dict[str, str]
) -> None:
    place = guarded_s3["all"].partition("@")[2]
    for variables, word, cure in (
        ({"S3_LAKE_URL": f"http://nobody:wrong@{place}"}, "InvalidAccessKeyId", "user and password in S3_LAKE_URL"),
        ({"S3_LAKE_URL": f"{guarded_s3['all']}-of-nobody"}, "NoSuchBucket", "Create the bucket"),
        ({}, "No address for the S3 connection 'lake'", "Set S3_LAKE_URL"),
        ({"S3_LAKE_URL": "http://a:b@127.0.0.1:1/lake"}, "connection failed", ""),
    ):  # fmt: skip
        ((level, what, todo),) = examine(s3_file(), **variables)["s3/lake", "connection"]
        assert (level, word in what, cure in todo) == (Level.FAIL, True, True), what


def test_an_api_is_asked_for_its_first_page_once(examine: Examine, api: Api) -> None:
    source = "source: {connection: shop, path: orders, auth: {by: bearer}, records: data}"
    files = {"apis/orders": f"{source}\n{COLUMNS}"}

    def said(token: str = "right") -> tuple[Level, str, str]:
        (one,) = examine(files, API_SHOP_URL=api.url, API_SHOP_TOKEN=token)["api/orders", "connection"]
        return one

    api.answer = {"data": [{"id": 1}, {"id": 2}]}
    assert said() == (Level.OK, "The API lets us in; its first page has 2 record(s).", "")
    level, what, todo = said("wrong")
    assert (level, "does not let us in (401)" in what, "API_SHOP_URL" in todo) == (Level.FAIL, True, True)
    assert said("")[::2] == (Level.FAIL, "Set API_SHOP_TOKEN.")
    api.status, api.asked = 503, 0
    level, what, _ = said()
    assert (level, "503" in what, api.asked) == (Level.FAIL, True, 1)
    api.status, api.answer = 200, {"rows": []}
    level, what, _ = said()
    assert (level, "source.records is 'data'" in what) == (Level.FAIL, True)


def test_another_clickhouse_is_asked_for_no_row_of_each_file(examine: Examine, tmp_path: Path) -> None:
    files = {
        f"clickhouse/{name}": f"source: {{connection: other, {source}}}\n{COLUMNS}"
        for name, source in {
            "one": "query: SELECT 1::Int64 AS id",
            "gone": "table: nowhere.t",
            "wrong": "query: SELECT 1 AS ident",
        }.items()
    }
    with running_front(tmp_path / "other", user="reader", password="right") as front:
        found = examine(files, CLICKHOUSE_OTHER_URL=front.url)
        assert found["clickhouse/other", "connection"][0][0] is Level.OK
        assert found["clickhouse/other", "clock"][0][0] is Level.OK
        said = {
            what.partition(":")[0].split(" ")[0]: level
            for level, what, _ in found["clickhouse/other", "query"]
        }
        assert said == {
            "clickhouse/one": Level.OK,
            "clickhouse/gone": Level.FAIL,
            "clickhouse/wrong": Level.FAIL,
        }
        refused = examine(files, CLICKHOUSE_OTHER_URL=front.url.replace("right", "wrong"))
        ((level, what, todo),) = refused["clickhouse/other", "connection"]
        assert (level, "let us in" in what, todo) == (
            Level.FAIL, True, "Check user and password in CLICKHOUSE_OTHER_URL.",
        )  # fmt: skip
    ((level, _, _),) = examine(files, CLICKHOUSE_OTHER_URL=front.url)["clickhouse/other", "connection"]
    assert level is Level.FAIL


class Target:
    """A database with `scores`, and a user `writer` who may do what was granted."""

    def __init__(self, dialect: str, url: str) -> None:
        self.dialect = dialect
        self.url = url
        at = url.partition("@")[2]
        self.writers_url = f"{url.partition('://')[0]}://writer:falcon@{at}"
        self.account = '"writer"' if dialect == "postgres" else "`writer`@`%`"
        self.scores = '"public"."scores"' if dialect == "postgres" else "`crm`.`scores`"
        self.variable = "POSTGRES_CRM_URL" if dialect == "postgres" else "MYSQL_CRM_URL"

    def run(self, *statements: str) -> None:
        if self.dialect == "postgres":
            connection: Any = psycopg2.connect(self.url)
        else:
            user, _, place = self.url.partition("://")[2].rpartition("@")
            host, _, database = place.partition("/")
            name, _, password = user.partition(":")
            connection = pymysql.connect(
                host=host.partition(":")[0], port=int(host.partition(":")[2]), user=name, password=password,
                database=database,
            )  # fmt: skip
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.commit()
        connection.close()

    def rows(self) -> list[tuple[Any, ...]]:
        connection: Any = psycopg2.connect(self.url)
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM scores")
            return list(cursor.fetchall())

    def flow(self, mode: str, columns: str = "[{name: id}, {name: score}]") -> dict[str, str]:
        return {
            "reverse_etl/scores": "source: {query: 'SELECT 1 AS id, 2 AS score'}\n"
            f"target: {{dialect: {self.dialect}, connection: crm, table: scores}}\n"
            f"mode: {mode}\nkey: [id]\ncolumns: {columns}\n"
        }


@pytest.fixture(params=["postgres", "mysql"])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    fixture = "postgres_server" if request.param == "postgres" else "mariadb_server"
    server: Server = request.getfixturevalue(fixture)
    made = Target(request.param, server.create_database("crm"))
    user = "CREATE ROLE writer LOGIN PASSWORD 'falcon'" if request.param == "postgres" else (
        "CREATE USER writer@'%' IDENTIFIED BY 'falcon'"
    )  # fmt: skip
    made.run(
        user,
        "CREATE TABLE scores (id integer PRIMARY KEY, score integer)",
        "INSERT INTO scores VALUES (1, 2)",
    )
    yield made
    made.run("DROP TABLE scores")
    made.run("DROP ROLE writer" if request.param == "postgres" else "DROP USER writer@'%'")


@pytest.mark.parametrize(
    ("mode", "granted", "lacking"),
    [
        ("mirror", "SELECT", "INSERT, UPDATE, DELETE"),
        ("upsert", "SELECT, INSERT", "UPDATE"),
        ("update", "SELECT, UPDATE", ""),
        ("upsert", "SELECT, INSERT, UPDATE", ""),
        ("mirror", "SELECT, INSERT, UPDATE", "DELETE"),
    ],
)
def test_rights_that_a_target_lacks_are_one_grant(
    examine: Examine, target: Target, mode: str, granted: str, lacking: str
) -> None:
    account = "writer" if target.dialect == "postgres" else "writer@'%'"
    target.run(f"GRANT {granted} ON scores TO {account}")
    found = examine(target.flow(mode), **{target.variable: target.writers_url})
    subject = f"target/{target.dialect}/crm"
    missing = [(level, todo) for level, _, todo in found[subject, "grant"] if level is not Level.OK]
    cure = f"GRANT {lacking} ON {target.scores} TO {target.account};"
    assert missing == ([(Level.FAIL, cure)] if lacking else [])
    assert bool(lacking) != ((subject, "table") in found)
    if lacking:  # the cure cures
        target.run(cure)
        found = examine(target.flow(mode), **{target.variable: target.writers_url})
        assert [level for level, *_ in found[subject, "grant"]] == [Level.OK]
    assert found[subject, "table"][0][0] is Level.OK
    if target.dialect == "postgres":
        assert target.rows() == [(1, 2)]  # nothing was run


def test_a_table_that_cannot_take_the_rows_is_said_before_a_run(examine: Examine, target: Target) -> None:
    target.run("ALTER TABLE scores DROP PRIMARY KEY" if target.dialect == "mysql" else
               "ALTER TABLE scores DROP CONSTRAINT scores_pkey")  # fmt: skip
    target.run("DELETE FROM scores", "ALTER TABLE scores ADD COLUMN owner varchar(9) NOT NULL")
    files = target.flow("upsert", "[{name: id}, {name: scoer}]")
    found = examine(files, **{target.variable: target.url})
    said = [what for level, what, _ in found[f"target/{target.dialect}/crm", "table"] if level is Level.FAIL]
    assert any("no unique index on exactly (id)" in each for each in said)
    assert any("a new row needs 'owner' too" in each or "owner" in each for each in said)
    assert any("scoer" in each for each in said)


def test_a_target_that_is_not_there_or_refuses_us_is_a_finding(examine: Examine, target: Target) -> None:
    files = {
        name: text.replace("table: scores", "table: gone") for name, text in target.flow("upsert").items()
    }
    subject = f"target/{target.dialect}/crm"
    found = examine(files, **{target.variable: target.url})
    assert any("gone does not exist" in what for _, what, _ in found[subject, "table"])
    wrong = target.writers_url.replace("falcon", "wrong")
    ((level, _, todo),) = examine(files, **{target.variable: wrong})[subject, "connection"]
    assert (level, target.variable in todo) == (Level.FAIL, True)


def test_a_migration_is_examined_at_both_ends(examine: Examine, target: Target) -> None:
    place = f"dialect: {target.dialect}, connection"
    files = {
        "data_migration/move": f"source: {{{place}: staging, database: crm, table: scores}}\n"
        f"target: {{{place}: crm, table: scores}}\nkey: [id]\n"
        "rules: {reference: [{column: score, table: kinds}]}\n"
    }
    source = target.variable.replace("CRM", "STAGING")
    found = examine(files, **{target.variable: target.url, source: target.writers_url})
    missing = [
        todo for level, _, todo in found[f"{target.dialect}/staging/crm", "grant"] if level is Level.FAIL
    ]
    assert any(each.startswith("GRANT SELECT ON") for each in missing)
    assert any(
        "kinds does not exist" in what for _, what, _ in found[f"target/{target.dialect}/crm", "table"]
    )
