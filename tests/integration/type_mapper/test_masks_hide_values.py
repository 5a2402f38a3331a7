"""Masked values leave the source unreadable, and the same text gives the same hash on every server."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import psycopg2.errors
import pymysql
import pytest

from dagster_pipeline.schema.models import ColumnSchema, Mask
from dagster_pipeline.type_mapper.masks import needed_mask_keys, session_statements
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from tests.type_lab.table_file import table_of
from tests.type_lab.wire import MYSQL_SESSION, POSTGRES_SESSION, load, read_mysql, read_postgres, select_list

TEXTS = ("", "ann@example.com", "Ünïcode 😀", "back\\slash", "line\nfeed")
KEYS = ("short", "k" * 64, "a key that is longer than one block of SHA-256, " * 3, "schlüssel")
ID = ColumnSchema(name="id", type="bigint")


@pytest.fixture(scope="module")
def postgres(postgres_server: Any) -> Iterator[Any]:
    connection = psycopg2.connect(postgres_server.create_database("type_mapper_masks"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in POSTGRES_SESSION:
            cursor.execute(statement)
        cursor.execute("CREATE TABLE t (id bigint, c varchar(100), b bytea, n numeric(10,2))")
        for number, text in enumerate(TEXTS):
            cursor.execute("INSERT INTO t VALUES (%s, %s, %s, 1.50)", (number, text, text.encode()))
        cursor.execute("INSERT INTO t VALUES (99, NULL, NULL, NULL)")
        yield cursor
    connection.close()


@pytest.fixture(scope="module")
def mysql_url(mariadb_server: Any) -> str:
    url = str(mariadb_server.create_database("type_mapper_masks"))
    parts = urlsplit(url)
    connection = pymysql.connect(
        host=parts.hostname or "",
        port=parts.port or 3306,
        user=parts.username or "",
        password=parts.password or "",
        database=parts.path.lstrip("/"),
        charset="utf8mb4",
        autocommit=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE t (id bigint, c varchar(100) CHARACTER SET utf16, b varbinary(100), n decimal(10,2))"
        )
        for number, text in enumerate(TEXTS):
            cursor.execute("INSERT INTO t VALUES (%s, %s, %s, 1.50)", (number, text, text.encode()))
        cursor.execute("INSERT INTO t VALUES (99, NULL, NULL, NULL)")
    connection.close()
    return url


def columns(mask: Mask, bytes_type: str, number_type: str) -> tuple[ColumnSchema, ...]:
    return (
        ID,
        ColumnSchema(name="c", type="varchar(100)", nullable=True, mask=mask),
        ColumnSchema(name="b", type=bytes_type, nullable=True, mask=mask),
        ColumnSchema(name="n", type=number_type, nullable=True, mask=mask),
    )


def from_postgres(cursor: Any, warehouse: Any, mask: Mask, key: str = "") -> list[tuple[Any, ...]]:
    mappings = TypeMapper().map(table_of("postgres", *columns(mask, "bytea", "numeric(10,2)")))
    for statement in session_statements("postgres", key) if key else ():
        cursor.execute(statement)
    payload = read_postgres(cursor, mappings)
    load(warehouse, "lab.masked", mappings, payload, "postgres")
    return rows_of(warehouse)


def from_mysql(url: str, warehouse: Any, mask: Mask, key: str = "") -> list[tuple[Any, ...]]:
    mappings = TypeMapper().map(table_of("mysql", *columns(mask, "varbinary(100)", "decimal(10,2)")))
    session = (*MYSQL_SESSION, *(session_statements("mysql", key) if key else ()))
    payload = read_mysql(url, f"SELECT {select_list(mappings, '`')} FROM t", session)
    load(warehouse, "lab.masked", mappings, payload, "mysql")
    return rows_of(warehouse)


def rows_of(warehouse: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in warehouse.query("SELECT c, b, n FROM lab.masked ORDER BY id").result_rows]


def test_sha256_is_that_of_the_utf8_text_on_both_dialects(
    postgres: Any, mysql_url: str, lab_warehouse: Any
) -> None:
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in TEXTS]
    number = hashlib.sha256(b"1.50").hexdigest()
    expected = [(digest, digest, number) for digest in hashes] + [(None, None, None)]
    assert from_postgres(postgres, lab_warehouse, Mask.SHA256) == expected
    assert from_mysql(mysql_url, lab_warehouse, Mask.SHA256) == expected


@pytest.mark.parametrize("key", KEYS)
def test_hmac_is_rfc_2104_with_keys_of_any_length(
    key: str, postgres: Any, mysql_url: str, lab_warehouse: Any
) -> None:
    hashes = [hmac.new(key.encode(), text.encode(), "sha256").hexdigest() for text in TEXTS]
    number = hmac.new(key.encode(), b"1.50", "sha256").hexdigest()
    expected = [(digest, digest, number) for digest in hashes] + [(None, None, None)]
    assert from_postgres(postgres, lab_warehouse, Mask.HMAC_SHA256, key) == expected
    assert from_mysql(mysql_url, lab_warehouse, Mask.HMAC_SHA256, key) == expected


def test_redact_keeps_only_whether_there_was_a_value(
    postgres: Any, mysql_url: str, lab_warehouse: Any
) -> None:
    expected = [("redacted",) * 3] * len(TEXTS) + [(None,) * 3]
    assert from_postgres(postgres, lab_warehouse, Mask.REDACT) == expected
    assert from_mysql(mysql_url, lab_warehouse, Mask.REDACT) == expected


def test_nothing_clear_is_on_the_wire(postgres: Any) -> None:
    for mask in (Mask.SHA256, Mask.REDACT):
        mappings = TypeMapper().map(table_of("postgres", *columns(mask, "bytea", "numeric(10,2)")))
        assert b"ann" not in read_postgres(postgres, mappings)


def test_the_key_is_in_no_mapping_and_only_keyed_columns_ask_for_it() -> None:
    keyed = TypeMapper().map(table_of("mysql", *columns(Mask.HMAC_SHA256, "blob", "int")))
    plain = TypeMapper().map(table_of("mysql", *columns(Mask.SHA256, "blob", "int")))
    assert needed_mask_keys(keyed) == ("",)
    assert not needed_mask_keys(plain)


def test_postgres_refuses_to_hash_without_the_key(postgres_server: Any) -> None:
    connection = psycopg2.connect(postgres_server.create_database("type_mapper_no_key"))
    mappings = TypeMapper().map(table_of("postgres", *columns(Mask.HMAC_SHA256, "bytea", "integer")))
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (id bigint, c varchar(100), b bytea, n integer)")
        cursor.execute("INSERT INTO t VALUES (1, 'x', 'x', 1)")
        with pytest.raises(psycopg2.errors.UndefinedObject):
            cursor.execute(f"SELECT {select_list(mappings, chr(34))} FROM t")
    connection.close()
