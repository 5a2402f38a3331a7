"""What a right file comes out as: defaults, merging, names, lines."""

from datetime import timedelta

import pytest

from dagster_pipeline.schema.models import (
    Deletes,
    Mask,
    NullCursor,
    OnBadRow,
    OnDrift,
    OutOfRange,
    Retries,
    SyncMode,
)

MINIMAL = """
    version: 1
    columns:
      - {name: id, type: bigint, primary_key: true}
      - {name: name, type: text}
    """


def test_a_file_of_version_and_columns_alone_gets_every_default(tree):
    tree.write("postgres/shop-eu/orders.yml", MINIMAL)
    (table,) = tree.load()
    assert table.name == "shop-eu/orders"
    assert table.group == "shop_eu"
    assert (table.source.dialect, table.source.connection) == ("postgres", "shop-eu")
    assert table.source.asset_key == ("postgres", "shop-eu", "public", "orders")
    assert table.destination.engine == "ReplacingMergeTree"
    assert table.destination.order_by == ("id",)
    assert table.destination.partition_by is None
    sync = table.sync
    assert (sync.mode, sync.cursor, sync.lookback) == (SyncMode.FULL, None, timedelta(0))
    assert (sync.null_cursor, sync.deletes) == (NullCursor.FAIL, Deletes.IGNORE)
    assert (sync.on_drift, sync.out_of_range) == (OnDrift.ADD, OutOfRange.FAIL)
    assert sync.on_bad_row is OnBadRow.FAIL
    assert (sync.chunk_rows, sync.parallelism) == (500_000, 2)
    assert table.retries == Retries()
    assert table.schedule is None
    assert table.freshness is None
    assert table.enabled
    assert not any(
        (column.nullable, column.immutable, column.mask) != (False, False, None) for column in table.columns
    )


def test_a_table_without_a_primary_key_is_a_plain_merge_tree(tree):
    tree.write("mysql/shop/log.yml", "version: 1\ncolumns:\n  - {name: line, type: text}\n")
    (table,) = tree.load()
    assert (table.destination.engine, table.destination.order_by) == ("MergeTree", ())


def test_every_key_of_a_file_arrives(tree):
    tree.write(
        "mysql/shop/orders.yml",
        """
        version: 1
        description: Orders.
        owners: [a@example.com, "team:platform"]
        tags: {domain: sales, team/tier: "1"}
        group: sales/eu
        enabled: false
        source: {connection: replica, table: orders_v2, where: "status <> 'test'"}
        destination:
          database: warehouse
          table: orders
          engine: ReplacingMergeTree
          order_by: [region, id]
          partition_by: toYYYYMM(created_at)
          ttl: created_at + INTERVAL 3 YEAR
          settings: {index_granularity: 8192, min_bytes_for_wide_part: "0", ttl_only_drop_parts: true}
        sync: {mode: incremental, cursor: updated_at, lookback: 1h30m, settle: 90, null_cursor: include,
               on_drift: warn, out_of_range: clamp, chunk_rows: 1000, parallelism: 16}
        schedule: "*/15 * * * *"
        freshness: 30m
        retries: {max: 0, delay: 1m, backoff: linear, jitter: false}
        columns:
          - {name: id, type: bigint unsigned, primary_key: true, description: Number.}
          - {name: region, type: char(2), immutable: true}
          - {name: email, type: varchar(255), nullable: true, mask: hmac_sha256}
          - {name: amount, type: "decimal(20,4)", clickhouse_type: "Decimal(20, 4)"}
          - {name: created_at, type: datetime, immutable: true}
          - {name: updated_at, type: datetime(6), nullable: true}
        checks:
          - not_null: [id, region]
          - unique: [id]
          - accepted_values: {column: region, values: [eu, us, 7], severity: warn}
          - row_count: {min: 1, max: 10}
          - sql: {name: no_debt, query: "SELECT count() FROM {table} WHERE amount < 0", severity: warn}
        """,
    )
    (table,) = tree.load()
    assert (table.name, table.source.table, table.source.connection) == (
        "warehouse/orders",
        "orders_v2",
        "replica",
    )
    assert table.source.asset_key == ("mysql", "shop", "orders_v2")
    assert not table.enabled
    assert dict(table.tags) == {"domain": "sales", "team/tier": "1"}
    assert dict(table.destination.settings) == {
        "index_granularity": 8192,
        "min_bytes_for_wide_part": "0",
        "ttl_only_drop_parts": True,
    }
    assert table.destination.settings["ttl_only_drop_parts"] is True
    assert table.sync.lookback == timedelta(minutes=90)
    assert table.sync.settle == timedelta(seconds=90)
    assert (table.schedule.cron, table.schedule.timezone) == ("*/15 * * * *", "UTC")
    assert table.freshness == timedelta(minutes=30)
    assert table.column("email").mask is Mask.HMAC_SHA256
    assert table.column("amount").clickhouse_type == "Decimal(20, 4)"
    checks = {check.name: check for check in table.checks}
    assert list(checks) == [
        "not_null_id_region",
        "unique_id",
        "accepted_values_region",
        "row_count",
        "no_debt",
        "no_clear_values",
    ]
    assert checks["not_null_id_region"].columns == ("id", "region")
    assert checks["accepted_values_region"].arguments == {"values": ("eu", "us", 7)}
    assert checks["accepted_values_region"].severity == "warn"
    assert checks["row_count"].arguments == {"min": 1, "max": 10}
    assert checks["no_debt"].arguments["expect"] == 0


def test_a_cursor_alone_means_incremental(tree):
    tree.write("mysql/shop/orders.yml", MINIMAL.replace("columns:", "sync: {cursor: id}\n    columns:"))
    assert tree.load()[0].sync.mode is SyncMode.INCREMENTAL


def test_a_full_table_may_name_a_cursor(tree):
    tree.write(
        "mysql/shop/orders.yml", MINIMAL.replace("columns:", "sync: {mode: full, cursor: id}\n    columns:")
    )
    assert tree.load()[0].sync.mode is SyncMode.FULL


def test_tables_come_sorted_by_name_and_disabled_ones_with_them(tree):
    tree.write("postgres/b/two.yml", MINIMAL)
    tree.write("mysql/c/one.yml", MINIMAL.replace("columns:", "enabled: false\n    columns:"))
    tree.write("mysql/a/three.yml", MINIMAL)
    assert [(table.name, table.enabled) for table in tree.load()] == [
        ("a/three", True),
        ("b/two", True),
        ("c/one", False),
    ]


def test_maps_of_defaults_merge_while_lists_and_scalars_are_replaced_and_the_nearer_wins(tree):
    tree.write(
        "_defaults.yml",
        "owners: [root@example.com]\ntags: {domain: all, tier: gold}\nretries: {max: 1, delay: 5s}\nfreshness: 1h\n",
    )
    tree.write("mysql/_defaults.yml", "tags: {domain: mysql}\nretries: {max: 2}\n")
    tree.write("mysql/shop/_defaults.yml", "owners: [shop@example.com]\nsync: {lookback: 5m}\n")
    tree.write("mysql/shop/orders.yml", MINIMAL.replace("columns:", "tags: {tier: silver}\n    columns:"))
    tree.write("postgres/fma/premises.yml", MINIMAL)
    premises, orders = tree.load()
    assert orders.owners == ("shop@example.com",)
    assert dict(orders.tags) == {"domain": "mysql", "tier": "silver"}
    assert (orders.retries.max, orders.retries.delay) == (2, timedelta(seconds=5))
    assert orders.sync.lookback == timedelta(minutes=5)
    assert premises.owners == ("root@example.com",)
    assert dict(premises.tags) == {"domain": "all", "tier": "gold"}
    assert premises.sync.lookback == timedelta(0)


def test_an_empty_value_takes_a_default_away(tree):
    tree.write("_defaults.yml", 'schedule: "0 3 * * *"\nfreshness: 1h\n')
    tree.write(
        "mysql/shop/orders.yml", MINIMAL.replace("columns:", "schedule:\n    freshness: ~\n    columns:")
    )
    (table,) = tree.load()
    assert (table.schedule, table.freshness) == (None, None)


def test_a_schedule_may_be_shared_between_a_defaults_file_and_the_table(tree):
    tree.write("_defaults.yml", "schedule: {timezone: Europe/Berlin}\n")
    tree.write(
        "mysql/shop/orders.yml", MINIMAL.replace("columns:", 'schedule: {cron: "0 3 * * *"}\n    columns:')
    )
    schedule = tree.load()[0].schedule
    assert (schedule.cron, schedule.timezone) == ("0 3 * * *", "Europe/Berlin")


def test_lines_tell_where_each_key_stands(tree):
    tree.write(
        "mysql/shop/orders.yml",
        """
        version: 1
        sync:
          cursor: updated_at
        columns:
          - name: id
            type: bigint
            primary_key: true
          - {name: updated_at, type: datetime}
        """,
    )
    (table,) = tree.load()
    assert table.line("sync") == 2
    assert table.line("sync.cursor") == 3
    assert table.line("columns[0].type") == 6
    assert table.line("columns[1].type") == 8
    assert table.line("columns[1].description") == 8
    assert table.line("sync.lookback") == 2
    assert table.line("freshness") == 1


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tree):
    text = "\ufeffversion: 1\r\ncolumns:\r\n  - {name: id, type: bigint}\r\n"
    tree.write("mysql/shop/orders.yml", text.encode())
    assert tree.load()[0].line("columns[0].name") == 3


def test_folders_of_other_kinds_and_other_files_are_left_alone(tree):
    tree.write("templates/table.yml", "nonsense")
    tree.write("snapshots/daily.yml", "nonsense")
    tree.write("reverse_etl/crm.yaml", "nonsense")
    tree.write("apis/x/y/z.yml", "nonsense")
    tree.write("mysql/shop/README.md", "words")
    tree.write("mysql/shop/.orders.yml.swp", "words")
    tree.write("table.schema.json", "{}")
    tree.write("mysql/shop/orders.yml", MINIMAL)
    assert [table.name for table in tree.load()] == ["shop/orders"]


def test_an_empty_tree_has_no_tables(tree):
    assert tree.load() == ()


def test_a_check_over_long_or_foreign_names_has_a_valid_name_of_its_own(tree):
    wide = [f"a_rather_long_column_name_{number}" for number in range(8)]
    columns = "".join(f"  - {{name: {name}, type: int}}\n" for name in [*wide, "größe", "grüße"])
    tree.write(
        "mysql/shop/orders.yml",
        f"version: 1\ncolumns:\n{columns}checks:\n  - unique: [{', '.join(wide)}]\n"
        "  - not_null: [größe]\n  - not_null: [grüße]\n",
    )
    names = [check.name for check in tree.load()[0].checks]
    assert len(set(names)) == 3
    assert all(name.isascii() and name.replace("_", "").isalnum() and len(name) <= 100 for name in names)
    assert names == [check.name for check in tree.load()[0].checks]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90s", 90), ("10m", 600), ("2h30m", 9000), ("1d", 86_400), ("45", 45), ('"45s"', 45), ("0", 0)],
)
def test_durations_are_read_as_people_write_them(tree, written, seconds):
    text = MINIMAL.replace("columns:", f"sync: {{settle: {written}}}\n    columns:")
    tree.write("mysql/shop/orders.yml", text)
    assert tree.load()[0].sync.settle == timedelta(seconds=seconds)
