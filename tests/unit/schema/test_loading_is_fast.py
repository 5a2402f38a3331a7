"""Loading time is paid by every process that Dagster starts, so it has a bound."""

import time

from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from tests.processor import slowness

TYPES = [
    "int unsigned",
    "varchar(255)",
    "decimal(20,4)",
    "datetime(6)",
    "tinyint(1)",
    "json",
    "text",
    "double",
]


def test_five_hundred_files_of_fifteen_columns_load_in_two_seconds(tree):
    for number in range(500):
        columns = [
            f'  - name: c{index}\n    type: "{TYPES[index % len(TYPES)]}"\n    nullable: true\n    description: Column {index}.'
            for index in range(13)
        ]
        tree.write(
            f"mysql/db{number % 20}/t{number}.yml",
            "version: 1\nowners: [a@example.com]\ntags: {domain: x}\nsync: {cursor: updated_at, lookback: 10m}\n"
            f'schedule: "{number % 60} * * * *"\nfreshness: 30m\ncolumns:\n'
            "  - {name: id, type: bigint, primary_key: true}\n  - {name: updated_at, type: datetime}\n"
            + "\n".join(columns)
            + "\nchecks:\n  - unique: [id]\n",
        )
    before = slowness()
    began = time.process_time()
    assert len(tree.load(TypeMapper().problems)) == 500
    spent = time.process_time() - began
    assert spent < 2 * max(before, slowness())
