"""Hostile values for every MySQL and MariaDB type that the type mapper knows, and the types that it must refuse.

Rows are inserted with a sql_mode that lets days in that do not exist, as servers without strict mode do.
"""

from __future__ import annotations

from tests.type_lab.case import TypeCase, as_float
from tests.type_lab.literals import decimals as decimal_literals
from tests.type_lab.literals import enriched, integers, quoted

INSERT_MODE = "ALLOW_INVALID_DATES"

TEXT = "CAST({column} AS CHAR)"
HEX = "HEX({column})"
HEX_STORED = "hex({column})"
PRECISE_FLOAT = "CAST({column} + 0e0 AS CHAR)"
DAY = "DATE_FORMAT({column}, '%Y-%m-%d')"
CLOCK = "DATE_FORMAT({column}, '%Y-%m-%d %H:%i:%s')"
CLOCK_MICROSECONDS = "DATE_FORMAT({column}, '%Y-%m-%d %H:%i:%s.%f')"
CLOCK_MILLISECONDS = "LEFT(DATE_FORMAT({column}, '%Y-%m-%d %H:%i:%s.%f'), 23)"

EVIL_TEXTS = (
    "''",
    "'NULL'",
    "'\\\\N'",
    "'tab\\there, newline\\nhere, return\\rhere, zero\\0here'",
    "'it''s \"quoted\" \\\\ back'",
    "_utf8mb4'ü € 😀 𝔘'",
    "_utf8mb4 x'65CC81'",
    "'{\"a\": [1,2]}'",
)
NOT_DAYS = (
    "'0000-00-00'",
    "'2024-00-00'",
    "'2024-02-00'",
    "'2024-00-15'",
    "'2024-02-31'",
    "'2023-02-29'",
)
FIRST_DAY, LAST_DAY = "'1900-01-01'", "'2299-12-31'"


def decimals(scale: int) -> str:
    """A stored decimal with every digit that its type has, as MySQL prints it."""
    return f"toDecimalString({{column}}, {scale})"


NUMBERS = (
    TypeCase("tinyint", "Int8", ("-128", "127")),
    TypeCase("tinyint(4)", "Int8", ("-1",)),
    TypeCase("tinyint(1)", "Int8", ("-128", "0", "1", "2", "127")),
    TypeCase("bool", "Int8", ("0", "1", "2")),
    TypeCase("boolean", "Int8", ("1",)),
    TypeCase("tinyint(1)", "Bool", ("0", "1"), (("2", "1"), ("-1", "0")), clickhouse_type="Bool",
             source_text="CASE {column} + 0 WHEN 0 THEN 'false' WHEN 1 THEN 'true' END"),
    TypeCase("tinyint unsigned", "UInt8", ("0", "255")),
    TypeCase("smallint", "Int16", ("-32768", "32767")),
    TypeCase("smallint(5) unsigned", "UInt16", ("0", "65535")),
    TypeCase("mediumint", "Int32", ("-8388608", "8388607")),
    TypeCase("mediumint unsigned", "UInt32", ("16777215",)),
    TypeCase("int", "Int32", ("-2147483648", "2147483647")),
    TypeCase("integer", "Int32", ("-1",)),
    TypeCase("int(10) unsigned", "UInt32", ("0", "4294967295")),
    TypeCase("int(5) unsigned zerofill", "UInt32", ("7", "4294967295"), source_text="CAST({column} + 0 AS CHAR)"),
    TypeCase("bigint", "Int64", ("-9223372036854775808", "9007199254740993", "9223372036854775807")),
    TypeCase("bigint(20) unsigned", "UInt64", ("0", "9223372036854775808", "18446744073709551615")),
    TypeCase("bigint unsigned", "Int64", ("9223372036854775807",), (("18446744073709551615",
             "9223372036854775807"),),
             clickhouse_type="Int64"),
    TypeCase("bigint", "UInt64", ("9223372036854775807",), (("-1", "0"),), clickhouse_type="UInt64"),
    TypeCase("int", "Int16", ("-32768", "32767"), (("-32769", "-32768"), ("2147483647", "32767")),
             clickhouse_type="Int16"),
    TypeCase("bigint unsigned", "Decimal(20, 0)", ("18446744073709551615",), clickhouse_type="Decimal(20, 0)"),
    TypeCase("bigint", "String", ("-9223372036854775808",), clickhouse_type="String"),
    TypeCase("decimal(20,4)", "Decimal(20, 4)", ("0", "-0.0001", "9999999999999999.9999",
             "-9999999999999999.9999"),
             warehouse_text=decimals(4)),
    TypeCase("decimal(24,6) unsigned", "Decimal(24, 6)", ("999999999999999999.999999",),
             warehouse_text=decimals(6)),
    TypeCase("decimal(38,18)", "Decimal(38, 18)", ("-99999999999999999999.999999999999999999",
             "0.000000000000000001"),
             warehouse_text=decimals(18)),
    TypeCase("decimal(65,30)", "Decimal(65, 30)", (f"{'9' * 35}.{'9' * 30}", f"-{'9' * 35}.{'9' * 30}",
             f"0.{'0' * 29}1"),
             warehouse_text=decimals(30)),
    TypeCase("decimal(65)", "Decimal(65, 0)", ("9" * 65, f"-{'9' * 65}"), warehouse_text=decimals(0)),
    TypeCase("decimal", "Decimal(10, 0)", ("9999999999",), warehouse_text=decimals(0)),
    TypeCase("numeric(10,2)", "Decimal(10, 2)", ("-99999999.99",), warehouse_text=decimals(2)),
    TypeCase("dec(5,5)", "Decimal(5, 5)", ("0.99999",), warehouse_text=decimals(5)),
    TypeCase("decimal(30,10)", "Decimal(76, 20)", ("1.5",), clickhouse_type="Decimal(76, 20)",
             warehouse_text=decimals(10)),
    TypeCase("decimal(30,10)", "Decimal(18, 2)", ("1.25", "9999999999999999.99"),
             (("1.255", "1.26"), ("-1e19", "-9999999999999999.99"), ("9999999999999999.995",
             "9999999999999999.99")),
             clickhouse_type="Decimal(18, 2)", warehouse_text=decimals(10)),
    TypeCase("decimal(20,0)", "UInt64", ("18446744073709551615", "0"),
             (("-1", "0"), ("99999999999999999999", "18446744073709551615")), clickhouse_type="UInt64"),
    TypeCase("decimal(65,30)", "String", (f"-{'9' * 35}.{'9' * 30}",), clickhouse_type="String"),
    TypeCase("float", "Float32", ("0.1", "-0.0", "1e-45", "1.17549435e-38", "3.4028234e38", "16777217", "-7.125"),
             source_text=PRECISE_FLOAT, warehouse_text="toString(toFloat64({column}))", compare=as_float),
    TypeCase("float unsigned", "Float32", ("0.1",), source_text=PRECISE_FLOAT,
             warehouse_text="toString(toFloat64({column}))", compare=as_float),
    TypeCase("float(7,3)", "Float32", ("1234.567",), source_text=PRECISE_FLOAT,
             warehouse_text="toString(toFloat64({column}))", compare=as_float),
    TypeCase("float", "Float64", ("0.1", "16777217"), clickhouse_type="Float64", source_text=PRECISE_FLOAT,
             compare=as_float),
    TypeCase("float", "String", ("0.1", "16777217", "1e-45"), clickhouse_type="String",
             source_text=PRECISE_FLOAT, compare=as_float),
    TypeCase("double", "Float64", ("0.1", "-0e0", "5e-324", "2.2250738585072011e-308", "1.7976931348623157e308",
             "9007199254740993",
                                   "0.30000000000000004"), compare=as_float),
    TypeCase("double precision", "Float64", ("1e23",), compare=as_float),
    TypeCase("real", "Float64", ("0.1",), compare=as_float),
    TypeCase("double(10,2) unsigned", "Float64", ("0.15",), ddl="double(10,2) unsigned", compare=as_float),
    TypeCase("float(53)", "Float64", ("0.1",), compare=as_float),
    TypeCase("bit(1)", "Bool", ("b'0'", "b'1'"),
             source_text="CASE {column} + 0 WHEN 0 THEN 'false' WHEN 1 THEN 'true' END"),
    TypeCase("bit(1)", "UInt8", ("b'0'", "b'1'"), clickhouse_type="UInt8",
             source_text="CAST({column} + 0 AS CHAR)"),
    TypeCase("bit(8)", "UInt64", ("b'0'", "b'11111111'", "b'1010'"), source_text="CAST({column} + 0 AS CHAR)"),
    TypeCase("bit(64)", "UInt64", ("b'0'", "0xffffffffffffffff", "0x8000000000000000"),
             source_text="CAST({column} + 0 AS CHAR)"),
    TypeCase("bit(64)", "Int64", ("0x7fffffffffffffff",), (("0xffffffffffffffff", "0x7fffffffffffffff"),),
             clickhouse_type="Int64", source_text="CAST({column} + 0 AS CHAR)"),
    TypeCase("int unsigned", "Bool", ("0", "1"), (("2", "1"),), clickhouse_type="Bool",
             source_text="CASE {column} WHEN 0 THEN 'false' WHEN 1 THEN 'true' END"),
    TypeCase("year", "UInt16", ("0", "1901", "2155", "1970"), source_text="CAST({column} + 0 AS CHAR)"),
    TypeCase("year(4)", "UInt16", ("1999",), source_text="CAST({column} + 0 AS CHAR)"),
)  # fmt: skip

TIMES = (
    TypeCase("date", "Date32", (FIRST_DAY, "'1969-12-31'", "'2024-02-29'", LAST_DAY),
             ((NOT_DAYS[0], FIRST_DAY), (NOT_DAYS[1], FIRST_DAY), (NOT_DAYS[2], FIRST_DAY), (NOT_DAYS[3],
             FIRST_DAY),
              (NOT_DAYS[4], FIRST_DAY), (NOT_DAYS[5], FIRST_DAY), ("'1899-12-31'", FIRST_DAY), ("'1000-01-01'",
             FIRST_DAY),
              ("'2300-01-01'", LAST_DAY), ("'9999-12-31'", LAST_DAY)), source_text=DAY),
    TypeCase("date", "Date", ("'1970-01-01'", "'2149-06-06'"), (("'1969-12-31'", "'1970-01-01'"), (NOT_DAYS[4],
             "'1970-01-01'"),
             ("'2149-06-07'", "'2149-06-06'")), clickhouse_type="Date", source_text=DAY),
    TypeCase("date", "String", (*NOT_DAYS, "'9999-12-31'"), clickhouse_type="String"),
    TypeCase("datetime", "DateTime64(0, 'UTC')",
             ("'1900-01-01 00:00:00'", "'2024-03-31 02:30:00'", "'2024-10-27 02:30:00'", "'2299-12-31 23:59:59'"),
             (*((day, FIRST_DAY) for day in NOT_DAYS), ("'1899-12-31 23:59:59'", FIRST_DAY), ("'2300-01-01'",
             "'2299-12-31 23:59:59'"),
              ("'9999-12-31 23:59:59'", "'2299-12-31 23:59:59'")), source_text=CLOCK),
    TypeCase("datetime(3)", "DateTime64(3, 'UTC')", ("'1969-12-31 23:59:59.999'", "'2299-12-31 23:59:59.999'"),
             (("'2300-01-01 00:00:00.000'", "'2299-12-31 23:59:59.999'"), ("'0000-00-00 00:00:00'", FIRST_DAY)),
             source_text=CLOCK_MILLISECONDS),
    TypeCase("datetime(6)", "DateTime64(6, 'UTC')", ("'1900-01-01 00:00:00.000001'",
             "'1969-12-31 23:59:59.999999'",
                                                     "'2299-12-31 23:59:59.999999'"),
             (("'2300-01-01'", "'2299-12-31 23:59:59.999999'"), ("'1899-12-31 23:59:59.999999'", FIRST_DAY),
              ("'2024-02-31 12:00:00.5'", FIRST_DAY)), source_text=CLOCK_MICROSECONDS),
    TypeCase("datetime(6)", "DateTime('UTC')", ("'1970-01-01 00:00:00'", "'2106-02-07 06:28:15'"),
             (("'1969-12-31 23:59:59'", "'1970-01-01'"), ("'2106-02-07 06:28:16'", "'2106-02-07 06:28:15'"),
              (NOT_DAYS[4], "'1970-01-01'")), clickhouse_type="DateTime('UTC')", source_text=CLOCK),
    TypeCase("datetime(6)", "DateTime64(3, 'UTC')", ("'2024-01-01 12:00:00.123'",),
             (("'2024-01-01 12:00:00.123400'", "'2024-01-01 12:00:00.123'"), ("'2299-12-31 23:59:59.9999'",
             "'2299-12-31 23:59:59.999'")),
             clickhouse_type="DateTime64(3, 'UTC')", source_text=CLOCK_MILLISECONDS),
    TypeCase("datetime", "DateTime64(6, 'UTC')", ("'2024-01-01 12:00:00'", "'1900-01-01'"),
             (("'9999-12-31 23:59:59'", "'2299-12-31 23:59:59'"),),
             clickhouse_type="DateTime64(6, 'UTC')", source_text=CLOCK_MICROSECONDS,
             warehouse_text="replaceOne(toString({column}), '59.999999', '59.000000')"),
    TypeCase("datetime", "String", ("'0000-00-00 00:00:00'", "'2024-02-31 01:02:03'"), clickhouse_type="String"),
    TypeCase("timestamp", "DateTime64(0, 'UTC')", ("'1970-01-01 00:00:01'", "'2024-03-31 01:30:00'",
             "'2038-01-19 03:14:07'"),
             (("0", "'1970-01-01 00:00:01'"),), ddl="timestamp NULL", source_text=CLOCK),
    TypeCase("timestamp(6)", "DateTime64(6, 'UTC')", ("'1970-01-01 00:00:01.000001'",
             "'2038-01-19 03:14:07.999999'"),
             (("0", "'1970-01-01 00:00:01'"),), ddl="timestamp(6) NULL", source_text=CLOCK_MICROSECONDS),
    TypeCase("timestamp(6)", "DateTime('UTC')", ("'1970-01-01 00:00:01'",),
             (("0", "'1970-01-01 00:00:01'"), ("'2024-01-01 00:00:00.25'", "'2024-01-01 00:00:00'")),
             ddl="timestamp(6) NULL",
             clickhouse_type="DateTime('UTC')", source_text=CLOCK),
    TypeCase("time", "String", ("'00:00:00'", "'-00:00:01'", "'838:59:59'", "'-838:59:59'", "'24:00:00'")),
    TypeCase("time(6)", "String", ("'838:59:59.999999'", "'-838:59:59.999999'", "'12:00:00.5'")),
)  # fmt: skip

TEXTS = (
    TypeCase("varchar(255)", "String", (*EVIL_TEXTS, "'trailing blank '"),
             ddl="varchar(255) CHARACTER SET utf8mb4"),
    TypeCase("varchar(255)", "LowCardinality(String)", EVIL_TEXTS, clickhouse_type="LowCardinality(String)"),
    TypeCase("char(20)", "String", EVIL_TEXTS[:2]),
    TypeCase("nchar(5)", "String", ("'é'",)),
    TypeCase("nvarchar(5)", "String", ("'é'",)),
    TypeCase("national varchar(5)", "String", ("'é'",)),
    TypeCase("long varchar", "String", ("'é'",)),
    TypeCase("tinytext", "String", EVIL_TEXTS),
    TypeCase("text", "String", (*EVIL_TEXTS, "REPEAT('long', 16000)")),
    TypeCase("mediumtext", "String", (*EVIL_TEXTS, "REPEAT('long', 100000)")),
    TypeCase("longtext", "String", EVIL_TEXTS),
    TypeCase("varchar(20)", "String", ("_utf8mb4'é€'", "''"), ddl="varchar(20) CHARACTER SET latin1"),
    TypeCase("varchar(20)", "String", ("_utf8mb4'é€あ'",), ddl="varchar(20) CHARACTER SET ucs2"),
    TypeCase("varchar(20)", "String", ("_utf8mb4'é😀'",), ddl="varchar(20) CHARACTER SET utf32"),
    TypeCase("varchar(20)", "String", ("_utf8mb4'é😀'",), ddl="varchar(20) CHARACTER SET utf16le"),
    TypeCase("varchar(20)", "String", ("_utf8mb4'あ'",), ddl="varchar(20) CHARACTER SET sjis"),
    TypeCase("varchar(20)", "String", ("_utf8mb4'漢字'",), ddl="varchar(20) CHARACTER SET gbk"),
    TypeCase("varchar(20)", "String", ("_utf8mb4'ж'",), ddl="varchar(20) CHARACTER SET koi8r"),
    TypeCase("text", "String", ("_utf8mb4'é€あ'",), ddl="text CHARACTER SET utf8mb3 COLLATE utf8mb3_bin"),
    TypeCase("varchar(20)", "String", ("_utf8mb4'é😀'",),
             ddl="varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
    TypeCase("json", "String", ("'{\"a\": 1,   \"a\": 2.50, \"b\": 12345678901234567890.10}'", "'null'",
             "'\"\\\\u0041 ü\"'")),
    TypeCase("enum('a','b,c','it''s','','é')", "LowCardinality(String)",
             ("'a'", "'b,c'", "'it''s'", "''", "_utf8mb4'é'", "'not a label'", "0")),
    TypeCase("enum('a','b')", "String", ("'a'", "'not a label'"), clickhouse_type="String"),
    TypeCase("set('a','b','c d')", "String", ("''", "'a'", "'c d,a'", "'a,b,c d'", "'zzz'")),
    TypeCase("binary(4)", "String", ("'ab'", "0xff00fe00", "0x00000000", "''"), source_text=HEX,
             warehouse_text=HEX_STORED),
    TypeCase("binary(16)", "String", ("0x00112233445566778899aabbccddeeff",), source_text=HEX,
             warehouse_text=HEX_STORED),
    TypeCase("varbinary(64)", "String", ("''", "0x00", "0xff00fe5c4e0a0900"), source_text=HEX,
             warehouse_text=HEX_STORED),
    TypeCase("tinyblob", "String", ("0xc0c1f5ff",), source_text=HEX, warehouse_text=HEX_STORED),
    TypeCase("blob", "String", ("REPEAT(0x00ff, 10000)",), source_text=HEX, warehouse_text=HEX_STORED),
    TypeCase("mediumblob", "String", ("0x80",), source_text=HEX, warehouse_text=HEX_STORED),
    TypeCase("longblob", "String", ("0x80", "REPEAT(0x00ff, 500000)"), source_text=HEX, warehouse_text=HEX_STORED),
    TypeCase("char byte(3)", "String", ("0x80ff",), ddl="binary(3)", source_text=HEX, warehouse_text=HEX_STORED),
    TypeCase("varchar(20)", "String", ("'x'",), ddl="varchar(20) GENERATED ALWAYS AS ('x') VIRTUAL"),
    TypeCase("geometry", "String", ("ST_GeomFromText('POINT(0.1 0.30000000000000004)')",
             "ST_GeomFromText('POINT(1 2)', 4326)",
                                    "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')"),
             source_text="CONCAT(IF(ST_SRID({column}) = 0, '', CONCAT('SRID=', ST_SRID({column}), ';')), ST_AsText({column}))"),
    TypeCase("point", "String", ("ST_GeomFromText('POINT(1e-300 -12345678901234567890.5)')",),
             source_text="ST_AsText({column})"),
    TypeCase("linestring", "String", ("ST_GeomFromText('LINESTRING(0 0,1 1)')",),
             source_text="ST_AsText({column})"),
    TypeCase("polygon", "String", ("ST_GeomFromText('POLYGON((0 0,1 1,1 0,0 0))')",),
             source_text="ST_AsText({column})"),
    TypeCase("multipoint", "String", ("ST_GeomFromText('MULTIPOINT(0 0,1 1)')",),
             source_text="ST_AsText({column})"),
    TypeCase("multilinestring", "String", ("ST_GeomFromText('MULTILINESTRING((0 0,1 1))')",),
             source_text="ST_AsText({column})"),
    TypeCase("multipolygon", "String", ("ST_GeomFromText('MULTIPOLYGON(((0 0,1 1,1 0,0 0)))')",),
             source_text="ST_AsText({column})"),
    TypeCase("geometrycollection", "String", ("ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))')",),
             source_text="ST_AsText({column})"),
)  # fmt: skip

MARIADB_ONLY_TYPES = (
    TypeCase("uuid", "UUID", ("'00112233-4455-6677-8899-aabbccddeeff'", "'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'",
                              "'00000000-0000-0000-0000-000000000001'")),
    TypeCase("uuid", "String", ("'00112233-4455-6677-8899-aabbccddeeff'",), clickhouse_type="String"),
    TypeCase("inet4", "IPv4", ("'0.0.0.0'", "'255.255.255.255'", "'1.2.3.4'")),
    TypeCase("inet6", "IPv6", ("'::'", "'::1'", "'::ffff:1.2.3.4'", "'2001:db8::ff00:42:8329'",
             "'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'")),
    TypeCase("inet6", "String", ("'::ffff:1.2.3.4'",), clickhouse_type="String"),
)  # fmt: skip

FLOATS = (
    "0",
    "-0e0",
    "1",
    "-1",
    "0.1",
    "0.25",
    "-123456.789",
    "1e10",
    "1e-10",
    "16777216",
    "16777217",
    "3e38",
    "-3e38",
    "1e-38",
)
DOUBLES = (
    *FLOATS,
    "1e23",
    "1e308",
    "-1e308",
    "5e-324",
    "2.2250738585072014e-308",
    "0.30000000000000004",
    "9007199254740991",
)
DAYS = quoted(
    "1900-01-01",
    "1900-03-01",
    "1969-12-31",
    "1970-01-01",
    "1999-12-31",
    "2000-02-29",
    "2038-01-19",
    "2100-02-28",
    "2149-06-07",
    "2299-12-30",
    "2299-12-31",
)
CLOCKS = tuple(f"'{day.strip(chr(39))} {clock}'" for day in DAYS for clock in ("00:00:00", "23:59:59"))
CLOCKS_3 = tuple(f"{clock[:-1]}.{part}'" for clock in CLOCKS for part in ("001", "999"))
CLOCKS_6 = tuple(f"{clock[:-1]}.{part}'" for clock in CLOCKS for part in ("000001", "500000", "999999"))
STAMPS = quoted(
    "1970-01-01 00:00:01",
    "1970-01-01 23:59:59",
    "1999-12-31 23:59:59",
    "2000-02-29 12:00:00",
    "2001-09-09 01:46:40",
    "2024-03-31 01:59:59",
    "2024-03-31 03:00:00",
    "2024-10-27 01:59:59",
    "2024-10-27 02:00:00",
    "2038-01-19 03:14:07",
)
STAMPS_6 = tuple(f"{stamp[:-1]}.{part}'" for stamp in STAMPS for part in ("000001", "999999"))
SPANS = quoted(
    "00:00:00",
    "00:00:01",
    "-00:00:01",
    "12:34:56",
    "23:59:59",
    "24:00:00",
    "-24:00:00",
    "100:00:00",
    "-100:00:00",
    "838:59:58",
    "838:59:59",
    "-838:59:59",
)
SPANS_6 = tuple(f"{span[:-1]}.{part}'" for span in SPANS[:-3] for part in ("000001", "999999"))
SHORT_TEXTS = (
    *EVIL_TEXTS[:3],
    "'a'",
    "' a'",
    "'A'",
    "'%'",
    "'_'",
    "';--'",
    "','",
    "'\\t'",
    "'\\\\t'",
    "'\\n'",
    "'0'",
    "'true'",
)
ACCENTS = (
    "''",
    "'a'",
    "'NULL'",
    "'\\\\N'",
    "'\\t'",
    "'\\n'",
    "'\\\\'",
    "'it''s'",
    "_utf8mb4'é'",
    "'\"'",
    "'{}'",
    "'~'",
)
OCTETS = (
    "''",
    "0x00",
    "0x0000",
    "0x80",
    "0xff",
    "0xfffe",
    "0x0a",
    "0x09",
    "0x5c4e",
    "0x27",
    "0xc0c1f5ff",
    "0xefbbbf",
    "0xeda080",
)
DEEP = "'" + "[" * 25 + "1" + "]" * 25 + "'"
DOCUMENTS = (
    DEEP,
    "'[]'",
    "'{}'",
    "'0'",
    "'-0.0'",
    "'1e400'",
    "'true'",
    "'\"\"'",
    '\'[null, {"a": {"b": []}}]\'',
    "'{\"n\": 123456789012345678901234567890.123456789}'",
    '_utf8mb4\'{"ü": "😀"}\'',
)
PLACES = (
    "0 0",
    "1 2",
    "-1 -2",
    "0.1 0.2",
    "1e-10 1e10",
    "180 90",
    "-180 -90",
    "123456789.125 0",
    "1e300 -1e300",
    "0.30000000000000004 3",
)


def shapes(pattern: str) -> tuple[str, ...]:
    """A geometry at each place, `{p}` in its text."""
    return tuple(f"ST_GeomFromText('{pattern.replace('{p}', place)}')" for place in PLACES)


MORE = {
    "tinyint": integers(8), "tinyint(4)": integers(8), "tinyint(1)": integers(8), "bool": integers(8), "boolean": integers(8),
    "tinyint unsigned": integers(8, signed=False), "smallint": integers(16),
    "smallint(5) unsigned": integers(16, signed=False), "mediumint": integers(24), "mediumint unsigned": integers(24, signed=False),
    "int": integers(32), "integer": integers(32), "int(10) unsigned": integers(32, signed=False),
    "int(5) unsigned zerofill": integers(32, signed=False), "bigint": integers(64), "bigint(20) unsigned": integers(64, signed=False),
    "decimal(20,4)": decimal_literals(20, 4), "decimal(24,6) unsigned": decimal_literals(24, 6, signed=False),
    "decimal(38,18)": decimal_literals(38, 18), "decimal(65,30)": decimal_literals(65, 30), "decimal(65)": decimal_literals(65, 0),
    "decimal": decimal_literals(10, 0), "numeric(10,2)": decimal_literals(10, 2), "dec(5,5)": decimal_literals(5, 5),
    "float": FLOATS, "float unsigned": tuple(each for each in FLOATS if "-" not in each[:1]), "float(7,3)": (*FLOATS[4:7], "9999.999", "-9999.999", "0.001", "0", "1", "-1", "0.5"),
    "double": DOUBLES, "double precision": DOUBLES, "real": DOUBLES, "float(53)": DOUBLES,
    "double(10,2) unsigned": ("0", "0.01", "0.1", "1", "1.5", "99.99", "12345.67", "99999999.99", "0.99", "1234567.89"),
    "bit(8)": tuple(str(each) for each in (0, 1, 2, 7, 8, 9, 10, 39, 92, 127, 128, 254, 255)), "bit(64)": integers(64, signed=False),
    "year": ("0", "1901", "1902", "1969", "1970", "1999", "2000", "2038", "2069", "2154", "2155"),
    "year(4)": ("0", "1901", "1902", "1969", "1970", "2000", "2038", "2069", "2154", "2155"),
    "date": DAYS, "datetime": CLOCKS, "datetime(3)": CLOCKS_3, "datetime(6)": CLOCKS_6, "timestamp": STAMPS, "timestamp(6)": STAMPS_6,
    "time": SPANS, "time(6)": SPANS_6,
    "varchar(255)": SHORT_TEXTS, "char(20)": SHORT_TEXTS, "nchar(5)": ACCENTS, "nvarchar(5)": ACCENTS, "national varchar(5)": ACCENTS,
    "long varchar": SHORT_TEXTS, "tinytext": SHORT_TEXTS, "text": SHORT_TEXTS, "mediumtext": SHORT_TEXTS, "longtext": SHORT_TEXTS,
    "varchar(20)": ACCENTS, "json": DOCUMENTS,
    "enum('a','b,c','it''s','','é')": ("NULL", "1", "2", "3", "4", "5"),
    "set('a','b','c d')": ("'b'", "'c d'", "'a,b'", "'b,a'", "'b,c d'", "'a,c d'", "0", "1", "7"),
    "binary(4)": OCTETS, "binary(16)": OCTETS, "varbinary(64)": OCTETS, "tinyblob": OCTETS, "blob": OCTETS, "mediumblob": OCTETS,
    "longblob": OCTETS, "char byte(3)": tuple(each for each in OCTETS if len(each) <= 8),
    "geometry": shapes("POINT({p})"), "point": shapes("POINT({p})"), "linestring": shapes("LINESTRING({p},5 5)"),
    "polygon": shapes("POLYGON(({p},5 5,5 0,{p}))"), "multipoint": shapes("MULTIPOINT({p},5 5)"),
    "multilinestring": shapes("MULTILINESTRING(({p},5 5),(1 1,2 2))"), "multipolygon": shapes("MULTIPOLYGON((({p},5 5,5 0,{p})))"),
    "geometrycollection": shapes("GEOMETRYCOLLECTION(POINT({p}),LINESTRING(0 0,1 1))"),
}  # fmt: skip
MORE_OF_MARIADB = {
    "uuid": quoted(*(f"{number:032x}" for number in (1, 2, 255, 2**64 - 1, 2**64, 2**127, 2**128 - 1, 10**30, 16**31, 12345))),
    "inet4": quoted("0.0.0.0", "0.0.0.1", "1.0.0.0", "10.0.0.1", "127.0.0.1", "128.0.0.1", "192.168.255.255", "224.0.0.1", "255.255.255.254", "255.255.255.255"),
    "inet6": quoted("::", "::1", "::ffff:0:0", "::ffff:255.255.255.255", "::1.2.3.4", "fe80::1", "ff02::1", "2001:db8::", "1:2:3:4:5:6:7:8", "ffff::"),
}  # fmt: skip

BITS = tuple(
    TypeCase(
        f"bit({width})", "UInt64", integers(width, signed=False), source_text="CAST({column} + 0 AS CHAR)"
    )
    for width in range(2, 64)
    if width != 8
)
LATIN_BYTES = "0x" + "".join(f"{byte:02x}" for byte in range(1, 256))
CHARACTER_SETS = tuple(
    TypeCase(
        "varchar(300)",
        "String",
        (f"CONVERT({LATIN_BYTES} USING {name})", "''", "'\\t'"),
        ddl=f"varchar(300) CHARACTER SET {name}",
    )
    for name in ("latin1", "latin2", "cp1251", "cp850", "koi8r", "greek", "hebrew", "macroman", "cp1250")
)
"""Every byte that a one-byte character set knows."""

CASES = enriched((*NUMBERS, *BITS, *TIMES, *TEXTS, *CHARACTER_SETS), MORE)
MARIADB_ONLY = enriched(MARIADB_ONLY_TYPES, MORE_OF_MARIADB)

REFUSED = (
    "varchr(20)", "serial", "int[]", "varchar(20) character set latin1", "text collate utf8mb4_bin",
             "bigint not null",
    "enum('a", "nonsense", "vector(3)", "decimal(x)", "decimal(1,2,3)", "decimal(2,5)", "datetime(9)",
    "enum", "varchar(x)", "",
)  # fmt: skip
