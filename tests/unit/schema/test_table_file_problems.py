"""Every mistake that one file can hold: it is found on its line, alone, with a cure. The line is the one marked `# <--`."""

import pytest

COLUMNS = """
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: region, type: char(2), immutable: true}
  - {name: status, type: varchar(20), nullable: true}
  - {name: secret, type: varchar(20), mask: drop}
  - {name: updated_at, type: datetime}
"""

# name: (file, what, todo). The file is MySQL's unless its first line says otherwise; `...` stands for COLUMNS.
CASES = {
    "unknown key": (
        "version: 1\ndescripton: x # <--\n...",
        "`descripton` is not a key of a table file",
        "'description'",
    ),
    "unknown key without a likeness": (
        "version: 1\nxyzzy: x # <--\n...",
        "`xyzzy`",
        "Known keys are version,",
    ),
    "unknown key in a map": (
        "version: 1\nsync:\n  modus: full # <--\n...",
        "`modus` is not a key of `sync`",
        "'mode'",
    ),
    "unknown key in a column": (
        "version: 1\ncolumns:\n  - {name: id, type: int}\n  - name: x\n    type: int\n    maks: sha256 # <--\n",
        "`maks` is not a key of a column",
        "'mask'",
    ),
    "unknown key in a check": (
        "version: 1\n...\nchecks:\n  - uniqe: [id] # <--\n",
        "`uniqe` is not a key of a check",
        "'unique'",
    ),
    "unknown key three levels down": (
        "version: 1\n...\nchecks:\n  - sql:\n      name: x\n      query: SELECT 0\n      expects: 0 # <--\n",
        "`expects` is not a key of `sql`",
        "'expect'",
    ),
    "misspelt mode": (
        "version: 1\nsync: {cursor: updated_at, mode: incremantal} # <--\n...",
        "'incremantal'",
        "Did you mean 'incremental'?",
    ),
    "misspelt engine": (
        "version: 1\ndestination:\n  engine: replacingmergetree # <--\n...",
        "`destination.engine`",
        "'ReplacingMergeTree'",
    ),
    "misspelt mask": (
        "version: 1\ncolumns:\n  - {name: x, type: int}\n  - {name: y, type: int, mask: sha_256} # <--\n",
        "'sha_256'",
        "'sha256'",
    ),
    "enum without a likeness": (
        "version: 1\nsync: {on_drift: zzz} # <--\n...",
        "allowed are add, warn and fail",
        "Write one",
    ),
    "version missing": ("# a note\ndescription: x\n...", "`version` is missing", "version: 1"),
    "version unknown": ("version: 2 # <--\n...", "no version of the file format", "version: 1"),
    "version as text": ('version: "1" # <--\n...', "no version of the file format", "version: 1"),
    "columns missing": ("version: 1\n", "`columns` is missing", "- {name: id, type: bigint}"),
    "columns empty": ("version: 1\ncolumns: [] # <--\n", "empty list", "at least one"),
    "column without a type": (
        "version: 1\ncolumns:\n  - {name: a, type: int}\n  - {name: b} # <--\n",
        "`columns[1].type` is missing",
        "Add",
    ),
    "column that is a word": (
        "version: 1\ncolumns:\n  - {name: a, type: int}\n  - b # <--\n",
        "`columns[1]` is 'b', but must be a map",
        "{name: id, type: bigint}",
    ),
    "number for text": (
        "version: 1\ndescription: 2024 # <--\n...",
        "is the number 2024, but must be text",
        '"2024"',
    ),
    "decimal for text": ("version: 1\ngroup: 1.10 # <--\n...", "must be text", "in quotes"),
    "switch for text": ("version: 1\ndescription: true # <--\n...", "is true, but must be text", '"true"'),
    "text for a number": (
        'version: 1\nsync: {parallelism: "4"} # <--\n...',
        "is '4', but must be a whole number",
        "without quotes: 4",
    ),
    "text for a switch": (
        'version: 1\nenabled: "true" # <--\n...',
        "is 'true', but must be true or false",
        "without quotes",
    ),
    "decimal for a whole number": (
        "version: 1\nsync: {parallelism: 1.5} # <--\n...",
        "must be a whole number",
        "",
    ),
    "scalar for a list": (
        "version: 1\nowners: a@example.com # <--\n...",
        "must be a list",
        "[a@example.com]",
    ),
    "scalar for a map": ("version: 1\nsync: full # <--\n...", "must be a map of keys", "{mode: incremental"),
    "list for a map": ("version: 1\nsync: [full] # <--\n...", "is a list, but must be a map", "{mode:"),
    "map for text": ("version: 1\ndescription: {a: b} # <--\n...", "is a map of keys, but must be text", ""),
    "no value": ("version: 1\nsync: # <--\n...", "`sync` has no value", "remove the key"),
    "too small": ("version: 1\nsync: {chunk_rows: 5} # <--\n...", "too small", "1000"),
    "too large": ("version: 1\nsync: {parallelism: 99} # <--\n...", "too large", "16"),
    "empty text": ('version: 1\nsource: {table: ""} # <--\n...', "is empty", ""),
    "line break in a name": (
        'version: 1\nsource: {table: "a\\nb"} # <--\n...',
        "control character",
        "Remove",
    ),
    "bad switch word": (
        "version: 1\nenabled: yes # <--\n...",
        "`yes` is a switch to some",
        "true for the switch",
    ),
    "switch word in a list": (
        (
            "version: 1\n...\nchecks:\n  - accepted_values:\n      column: status\n"
            "      values:\n        - active\n        - on # <--\n"
        ),
        "`on` is a switch",
        '"on" in quotes',
    ),
    "switch word as a column": (
        "version: 1\ncolumns:\n  - {name: id, type: int}\n  - {name: no, type: int} # <--\n",
        "`no` is a switch",
        '"no" in quotes',
    ),
    "octal number": (
        "version: 1\nsync: {settle: 010} # <--\n...",
        "`010` is read as different values",
        "in quotes",
    ),
    "sexagesimal number": (
        "version: 1\ndescription: 12:30 # <--\n...",
        "`12:30` is read as different values",
        "in quotes",
    ),
    "number with underscores": (
        "version: 1\nsync: {chunk_rows: 500_000} # <--\n...",
        "`500_000` is read as different",
        "plain decimal",
    ),
    "very long number": (
        "version: 1\nsync: {chunk_rows: " + "9" * 5000 + "} # <--\n...",
        "different values",
        "",
    ),
    "key that is a switch": ("version: 1\non: x # <--\n...", "The key `on` is not text", "quotes"),
    "key that is a number": ("version: 1\ntags: {1: x} # <--\n...", "The key `1` is not text", "quotes"),
    "cursor that is no column": (
        "version: 1\nsync: {cursor: update_at} # <--\n...",
        "`sync.cursor` names 'update_at'",
        "'updated_at'",
    ),
    "incremental without a cursor": (
        "version: 1\nsync: {mode: incremental} # <--\n...",
        "needs a cursor",
        "cursor:",
    ),
    "append without a cursor": ("version: 1\nsync: {mode: append} # <--\n...", "needs a cursor", "cursor:"),
    "masked cursor": (
        (
            "version: 1\nsync: {cursor: at} # <--\ncolumns:\n"
            "  - {name: id, type: int, primary_key: true}\n  - {name: at, type: datetime, mask: redact}\n"
        ),
        "cursor 'at' has `mask: redact`",
        "not masked",
    ),
    "lookback on a number": (
        "version: 1\nsync: {cursor: id, lookback: 5m} # <--\n...",
        "'id' is bigint",
        "lookback: 0",
    ),
    "lookback on PostgreSQL's number": (
        "postgres\nversion: 1\nsync: {cursor: id, lookback: 5m} # <--\n...",
        "'id' is bigint",
        "lookback: 0",
    ),
    "lookback with append": (
        "version: 1\nsync: {mode: append, cursor: updated_at, lookback: 5m} # <--\n...",
        "append` never does",
        "lookback: 0",
    ),
    "NULL cursors with append": (
        "version: 1\nsync: {mode: append, cursor: id, null_cursor: include} # <--\n...",
        "add them every time",
        "exclude",
    ),
    "incremental without a primary key": (
        "version: 1\nsync: {cursor: at} # <--\ncolumns:\n  - {name: at, type: datetime}\n",
        "needs a primary key",
        "mode: append",
    ),
    "incremental into a plain MergeTree": (
        "version: 1\ndestination: {engine: MergeTree} # <--\nsync: {cursor: updated_at}\n...",
        "pile up",
        "ReplacingMergeTree",
    ),
    "ReplacingMergeTree without a primary key": (
        "version: 1\ndestination: {engine: ReplacingMergeTree} # <--\ncolumns:\n  - {name: at, type: datetime}\n",
        "would collapse",
        "primary_key: true",
    ),
    "nullable primary key": (
        "version: 1\ncolumns:\n  - {name: id, type: int, primary_key: true, nullable: true} # <--\n",
        "nullable",
        "Remove",
    ),
    "dropped primary key": (
        "version: 1\ncolumns:\n  - {name: id, type: int, primary_key: true, mask: drop} # <--\n",
        "`mask: drop`",
        "sha256",
    ),
    "redacted primary key": (
        "version: 1\ncolumns:\n  - {name: id, type: int, primary_key: true, mask: redact} # <--\n",
        "`mask: redact`",
        "sha256",
    ),
    "reserved name": (
        "version: 1\ncolumns:\n  - {name: id, type: int}\n  - {name: _Version, type: int} # <--\n",
        "'_Version'",
        "Remove",
    ),
    "column twice": (
        "version: 1\ncolumns:\n  - {name: id, type: int}\n  - {name: x, type: int}\n  - {name: id, type: int} # <--\n",
        "listed twice; first on line 3",
        "Keep one",
    ),
    "MySQL column twice in two cases": (
        "version: 1\ncolumns:\n  - {name: id, type: int}\n  - {name: ID, type: int} # <--\n",
        "listed twice",
        "",
    ),
    "order_by without the key": (
        "version: 1\ndestination: {order_by: [region]} # <--\n...",
        "lacks id",
        "[region, id]",
    ),
    "order_by with a function of the key only": (
        "version: 1\ndestination: {order_by: [intHash32(id)]} # <--\n...",
        "lacks id",
        "",
    ),
    "order_by of an unknown column": (
        "version: 1\ndestination:\n  order_by:\n    - id\n    - regoin # <--\n...",
        "names 'regoin'",
        "'region'",
    ),
    "order_by of a mutable column": (
        "version: 1\ndestination: {order_by: [id, updated_at]} # <--\n...",
        "names 'updated_at', which may change",
        "immutable: true",
    ),
    "order_by of a function of a mutable column": (
        "version: 1\ndestination: {order_by: [id, toDate(updated_at)]} # <--\n...",
        "names 'updated_at', which may change",
        "",
    ),
    "order_by of a nullable column": (
        (
            "version: 1\ndestination: {order_by: [id, x]} # <--\ncolumns:\n"
            "  - {name: id, type: int, primary_key: true}\n  - {name: x, type: int, nullable: true, immutable: true}\n"
        ),
        "nullable",
        "allow_nullable_key",
    ),
    "order_by of a dropped column": (
        "version: 1\ndestination: {engine: MergeTree, order_by: [secret]} # <--\n...",
        "`mask: drop` leaves out",
        "another",
    ),
    "partition_by of a mutable column": (
        "version: 1\ndestination: {partition_by: toYYYYMM(updated_at)} # <--\n...",
        "partition_by names 'updated_at'",
        "immutable",
    ),
    "partition_by of an unknown column": (
        "version: 1\ndestination: {partition_by: toYYYYMM(created_at)} # <--\n...",
        "'created_at', which is no column",
        "",
    ),
    "partition_by of the load's own time": (
        "version: 1\ndestination: {partition_by: toDate(_synced_at)} # <--\n...",
        "'_synced_at', which is no column",
        "",
    ),
    "odd engine setting": (
        "version: 1\ndestination: {settings: {a b: 1}} # <--\n...",
        "no name of an engine setting",
        "",
    ),
    "engine setting that is a list": (
        "version: 1\ndestination: {settings: {a: [1]}} # <--\n...",
        "is no setting",
        "Write text",
    ),
    "owner": (
        "version: 1\nowners: [a@example.com, platform] # <--\n...",
        "neither an e-mail address nor a team",
        "team:platform",
    ),
    "team without a name": ('version: 1\nowners: ["team:"] # <--\n...', "neither", "team:name"),
    "tag value": ("version: 1\ntags: {domain: a b} # <--\n...", "no valid tag value", "63"),
    "tag name": ("version: 1\ntags: {a/b/c: x} # <--\n...", "no valid tag name", "63"),
    "tag that is a number": (
        "version: 1\ntags: {tier: 1} # <--\n...",
        "the number 1, but must be text",
        '"1"',
    ),
    "group": ("version: 1\ngroup: my-group # <--\n...", "no valid group", "my_group"),
    "cron of four fields": ('version: 1\nschedule: "* * * *" # <--\n...', "not exactly five fields", "*/15"),
    "cron of six fields": (
        'version: 1\nschedule: {cron: "0 * * * * *"} # <--\n...',
        "not exactly five fields",
        "",
    ),
    "cron nickname": ('version: 1\nschedule: "@daily" # <--\n...', "not exactly five fields", ""),
    "cron out of range": ('version: 1\nschedule: "61 * * * *" # <--\n...', "no cron text", ""),
    "cron of words": ('version: 1\nschedule: "a b c d e" # <--\n...', "no cron text", ""),
    "cron that never comes": ('version: 1\nschedule: "0 0 30 2 *" # <--\n...', "never comes", ""),
    "time zone": (
        'version: 1\nschedule: {cron: "0 3 * * *", timezone: Europe/Berln} # <--\n...',
        "no time zone",
        "Europe/Berlin",
    ),
    "time zone that is a folder": (
        'version: 1\nschedule: {cron: "0 3 * * *", timezone: America} # <--\n...',
        "no time zone",
        "",
    ),
    "time zone outside": (
        'version: 1\nschedule: {cron: "0 3 * * *", timezone: ../../etc/passwd} # <--\n...',
        "no time zone",
        "",
    ),
    "schedule without cron": (
        "version: 1\nschedule: {timezone: UTC} # <--\n...",
        "`schedule.cron` is missing",
        "Add",
    ),
    "schedule that is a number": ("version: 1\nschedule: 15 # <--\n...", "must be a map", "cron"),
    "duration": ("version: 1\nfreshness: 30 minutes # <--\n...", "'30 minutes', which is no duration", "10m"),
    "negative duration": ("version: 1\nsync: {settle: -5} # <--\n...", "not between 0 and ten years", ""),
    "endless duration": (
        "version: 1\nsync: {settle: 999999999d} # <--\n...",
        "not between 0 and ten years",
        "3650d",
    ),
    "duration that is a switch": ("version: 1\nsync: {settle: true} # <--\n...", "no duration", ""),
    "freshness below a minute": ("version: 1\nfreshness: 59s # <--\n...", "shorter than a minute", "60s"),
    "soft deletes of a full load": (
        "version: 1\nsync: {mode: full, deletes: soft} # <--\n...",
        "`mode: full` replaces the table and forgets them",
        "mirror",
    ),
    "deletes of an append table": (
        "version: 1\nsync: {mode: append, cursor: updated_at, deletes: mirror} # <--\n...",
        "not for `mode: append`",
        "ignore",
    ),
    "a cap that is no share": (
        "version: 1\nsync: {max_delete: 5} # <--\n...",
        "'5', which is no share",
        "5%",
    ),
    "quarantine without a key": (
        "version: 1\nsync: {on_bad_row: quarantine} # <--\ncolumns:\n  - {name: a, type: int}\n",
        "needs a primary key and ReplacingMergeTree",
        "primary_key: true",
    ),
    "quarantine of a table that does not collapse": (
        "version: 1\ndestination: {engine: MergeTree}\nsync: {on_bad_row: quarantine} # <--\n...",
        "needs a primary key and ReplacingMergeTree",
        "on_bad_row: fail",
    ),
    "quarantine of a masked key": (
        (
            "version: 1\nsync: {on_bad_row: quarantine}\ncolumns:\n"
            "  - {name: mail, type: varchar(9), primary_key: true, mask: sha256} # <--\n"
        ),
        "keeps the key of a row as it is at the source",
        "take the mask away",
    ),
    "a check by the name of quarantine's own": (
        "version: 1\nsync: {on_bad_row: quarantine}\n...\nchecks:\n  - not_null: {columns: [id], name: quarantine} # <--\n",
        "has a check 'quarantine' of its own",
        "another name",
    ),
    "misspelt on_bad_row": (
        "version: 1\nsync: {on_bad_row: quarantin} # <--\n...",
        "'quarantin'",
        "Did you mean 'quarantine'?",
    ),
    "reconciliation without a key": (
        "version: 1\nreconcile: {repair: true} # <--\ncolumns:\n  - {name: a, type: int}\n",
        "needs a primary key",
        "primary_key: true",
    ),
    "schema of MySQL": ("version: 1\nsource: {schema: public} # <--\n...", "is for PostgreSQL", "Remove"),
    "destination with a space": (
        "version: 1\ndestination: {table: my table} # <--\n...",
        "cannot be the destination's table",
        "my_table",
    ),
    "destination with a slash": (
        "version: 1\ndestination: {database: a/b} # <--\n...",
        "cannot be the destination's database",
        "a_b",
    ),
    "check twice": (
        "version: 1\n...\nchecks:\n  - unique: [id]\n  - not_null: [id]\n  - unique: [id] # <--\n",
        "'unique_id' exists already",
        "Remove",
    ),
    "check on an unknown column": (
        "version: 1\n...\nchecks:\n  - not_null: [id, statsu] # <--\n",
        "'statsu', which is no column",
        "'status'",
    ),
    "check on a dropped column": (
        "version: 1\n...\nchecks:\n  - unique: [secret] # <--\n",
        "`mask: drop` leaves out",
        "",
    ),
    "check with two kinds": (
        "version: 1\n...\nchecks:\n  - {unique: [id], not_null: [id]} # <--\n",
        "exactly one check",
        "Begin each",
    ),
    "check of an unknown kind": (
        "version: 1\n...\nchecks:\n  - {zzz: [id]} # <--\n",
        "`zzz` is not a key of a check",
        "not_null",
    ),
    "check that is a word": (
        "version: 1\n...\nchecks:\n  - unique # <--\n",
        "must be a map",
        "not_null: [id]",
    ),
    "check without limits": (
        "version: 1\n...\nchecks:\n  - row_count: {} # <--\n",
        "has no limit",
        "{min: 1}",
    ),
    "check with crossed limits": (
        "version: 1\n...\nchecks:\n  - row_count: {min: 2, max: 1} # <--\n",
        "min 2 above max 1",
        "",
    ),
    "check without values": (
        "version: 1\n...\nchecks:\n  - accepted_values: {column: status, values: []} # <--\n",
        "empty list",
        "",
    ),
    "check value that is a map": (
        "version: 1\n...\nchecks:\n  - accepted_values: {column: status, values: [{a: 1}]} # <--\n",
        "neither text nor a number",
        "",
    ),
    "check with a bad name": (
        "version: 1\n...\nchecks:\n  - sql: {name: a-b, query: SELECT 0} # <--\n",
        "no valid check name",
        "",
    ),
    "check with an unknown option": (
        "version: 1\n...\nchecks:\n  - not_null: {columns: [id], severty: warn} # <--\n",
        "`severty` is not a key of `not_null`",
        "'severity'",
    ),
    "check of a column that is a word": (
        "version: 1\n...\nchecks:\n  - not_null: id # <--\n",
        "must be a map of keys",
        "",
    ),
    "check of an unknown column in a map": (
        "version: 1\n...\nchecks:\n  - not_null:\n      window: all\n      columns: [statsu] # <--\n",
        "'statsu', which is no column",
        "'status'",
    ),
    "between an unknown column": (
        "version: 1\n...\nchecks:\n  - between:\n      min: 0\n      column: statsu # <--\n",
        "'statsu', which is no column",
        "'status'",
    ),
    "between nothing": (
        "version: 1\n...\nchecks:\n  - between: {column: id} # <--\n",
        "has no limit",
        "min, max or both",
    ),
    "between crossed limits": (
        "version: 1\n...\nchecks:\n  - between: {column: id, min: 2, max: 1} # <--\n",
        "min 2 above max 1",
        "Swap",
    ),
    "between a text and a number": (
        "version: 1\n...\nchecks:\n  - between: {column: id, min: '2', max: 3} # <--\n",
        "one limit in quotes",
        "both",
    ),
    "regex on a masked column": (
        "version: 1\ncolumns:\n  - {name: ip, type: text, mask: redact}\nchecks:\n  - regex: {column: ip, pattern: x} # <--\n",
        "only `mask: redact` arrives",
        "not_null",
    ),
    "row count with a change that is no share": (
        "version: 1\n...\nchecks:\n  - row_count: {change: 0.2} # <--\n",
        "'0.2', which is no share",
        "5%",
    ),
    "row count with change and window": (
        "version: 1\nsync: {cursor: updated_at}\n...\nchecks:\n  - row_count: {change: 2%, window: new} # <--\n",
        "change and window",
        "Remove one",
    ),
    "window of a full load": (
        "version: 1\nsync: {mode: full}\n...\nchecks:\n  - unique: {columns: [id], window: new} # <--\n",
        "means nothing with `sync.mode: full`",
        "Remove",
    ),
    "freshness of a number": (
        "version: 1\n...\nchecks:\n  - freshness: {column: id, within: 2h} # <--\n",
        "needs a date or a time; 'id' is bigint",
        "another column",
    ),
    "freshness without a limit": (
        "version: 1\n...\nchecks:\n  - freshness: {column: updated_at} # <--\n",
        "`checks[0].freshness.within` is missing",
        "Add",
    ),
    "relationship to a table without a file": (
        "version: 1\n...\nchecks:\n  - relationship: {column: id, to: shop/order} # <--\n",
        "'shop/order', which no file brings into the warehouse",
        "'shop/orders'",
    ),
    "relationship to a name that is no table": (
        "version: 1\n...\nchecks:\n  - relationship: {column: id, to: orders} # <--\n",
        "`checks[0].relationship.to` is 'orders', which is no table",
        "<database>/<table>",
    ),
    "relationship to an unknown column": (
        "version: 1\n...\nchecks:\n  - relationship:\n      column: id\n      to: shop/orders\n      field: ids # <--\n",
        "'ids', which is no column of shop/orders",
        "'id'",
    ),
    "query that does not read": (
        "version: 1\n...\nchecks:\n  - sql: {name: x, query: 'SELECT count() FRM {table}'} # <--\n",
        "does not read as ClickHouse's SQL: Invalid expression / Unexpected token in line 1, column 26",
        "Correct",
    ),
    "query that is not closed": (
        "version: 1\n...\nchecks:\n  - sql:\n      name: x\n      query: SELECT (1 + count() FROM {table} # <--\n",
        "does not read as ClickHouse's SQL",
        "Correct",
    ),
    "query that deletes": (
        "version: 1\n...\nchecks:\n  - sql: {name: x, query: 'DELETE FROM {table} WHERE 1'} # <--\n",
        "no SELECT but DELETE",
        "Write one SELECT",
    ),
    "query that inserts behind a WITH": (
        "version: 1\n...\nchecks:\n  - sql: {name: x, query: 'WITH a AS (INSERT INTO b SELECT 1) SELECT 1'} # <--\n",
        "only reads",
        "Write one SELECT",
    ),
    "query that optimizes": (
        "version: 1\n...\nchecks:\n  - sql: {name: x, query: 'OPTIMIZE TABLE {table} FINAL'} # <--\n",
        "no SELECT but OPTIMIZE",
        "Write one SELECT",
    ),
    "query that writes a file": (
        "version: 1\n...\nchecks:\n  - sql: {name: x, query: \"SELECT 1 INTO OUTFILE 'x'\"} # <--\n",
        "INTO OUTFILE",
        "Write one SELECT",
    ),
    "query and another statement": (
        "version: 1\n...\nchecks:\n  - sql: {name: x, query: 'SELECT 0; DROP TABLE b'} # <--\n",
        "2 statements",
        "Write one SELECT",
    ),
    "query with a format": (
        "version: 1\n...\nchecks:\n  - sql: {name: x, query: 'SELECT 0 FORMAT JSON'} # <--\n",
        "FORMAT",
        "Remove FORMAT",
    ),
    "query over an unknown column": (
        "version: 1\n...\nchecks:\n  - sql: {name: x, query: 'SELECT count() FROM {table} WHERE statsu = 1'} # <--\n",
        "'statsu', which is no column",
        "'status'",
    ),
    "query over a dropped column": (
        "version: 1\n...\nchecks:\n  - sql: {name: x, query: 'SELECT max(secret) FROM {table}'} # <--\n",
        "'secret', which is no column",
        "",
    ),
    "key twice": (
        "version: 1\ndescription: a\ngroup: b\ndescription: c # <--\n...",
        "written twice; first on line 2",
        "Keep one",
    ),
    "key twice in a column": (
        "version: 1\ncolumns:\n  - name: id\n    type: int\n    name: ix # <--\n",
        "`name` is written twice",
        "",
    ),
    "alias": ("version: 1\nowners: [a@example.com]\ntags: *x # <--\n...", "Aliases", "_defaults.yml"),
    "anchor": ("version: 1\nowners: &x [a@example.com] # <--\n...", "Anchors", "_defaults.yml"),
    "merge key": ("version: 1\n<<: {description: x} # <--\n...", "Merge keys", "_defaults.yml"),
    "tag": ("version: 1\ndescription: !!python/object:os.system x # <--\n...", "YAML tags", ""),
    "second document": ("version: 1\n...\n--- # <--\nversion: 1\n", "second document", "one table per file"),
    "list at the top": ("- version: 1 # <--\n- columns: []\n", "must be a map", "version: 1"),
    "word at the top": ("version # <--\n", "must be a map", "version: 1"),
    "tab": ("version: 1\nsync:\n\tmode: full # <--\n...", "A tab stands", "spaces only"),
    "open quote": ('version: 1\ndescription: "x # <--\n...', "not valid YAML", "never closed"),
    "open brace": (
        "version: 1\ncolumns:\n  - {name: id, type: int # <--\n  - {name: x, type: int}\n",
        "not valid YAML",
        "brace",
    ),
    "colon in plain text": ("version: 1\ndescription: note: this # <--\n...", "not valid YAML", "in quotes"),
    "at sign": ("version: 1\ndescription: @x # <--\n...", "cannot begin with '@'", "in quotes"),
    "missing colon": ("version: 1\ndescription x # <--\n...", "not valid YAML", "colon"),
    "very deep": ("version: 1\ntags: " + "[" * 50 + "]" * 50 + " # <--\n...", "levels deep", ""),
}


def written(tree, text: str) -> int:
    """Write the file of a case; returns the line that it marks, 1 when it marks none."""
    dialect = "postgres" if text.startswith("postgres\n") else "mysql"
    text = text.removeprefix("postgres\n").replace("...", COLUMNS.strip(), 1)
    tree.write(f"{dialect}/shop/orders.yml", text.encode())
    return next((number for number, line in enumerate(text.splitlines(), 1) if "# <--" in line), 1)


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_reported_once_on_its_line_with_a_cure(tree, case):
    text, what, todo = CASES[case]
    line = written(tree, text)
    (problem,) = tree.problems()
    assert problem.path.endswith("shop/orders.yml")
    assert what in problem.what
    assert todo in problem.todo
    assert problem.line == line, str(problem)


@pytest.mark.parametrize("kind", ["datetime(6)", "timestamp", "date", "DATETIME"])
def test_a_lookback_is_fine_on_a_date_or_time(tree, kind):
    text = "version: 1\nsync: {cursor: at, lookback: 5m}\ncolumns:\n"
    text += f"  - {{name: id, type: int, primary_key: true}}\n  - {{name: at, type: {kind}}}\n"
    tree.write("mysql/shop/orders.yml", text)
    tree.write(
        "postgres/shop2/orders.yml",
        text.replace("datetime(6)", "timestamp(3) with time zone").replace("DATETIME", "timestamptz"),
    )
    assert len(tree.load()) == 2


@pytest.mark.parametrize(
    "term",
    ["`id`", '"id"', " id "],
)
def test_a_quoted_primary_key_counts_in_order_by(tree, term):
    tree.write(
        "mysql/shop/orders.yml", f"version: 1\ndestination: {{order_by: [region, '{term}']}}\n{COLUMNS}"
    )
    assert len(tree.load()) == 1


@pytest.mark.parametrize(
    "expression",
    [
        "toYear(region)",
        "(region, id % 8)",
        "if(region = 'updated_at', 1, 2)",
        "tuple()",
        "intDiv(id, 1e6)",
        "CASE WHEN id > 5 THEN 1 ELSE 0 END",
    ],
)
def test_an_expression_of_columns_that_never_change_is_fine(tree, expression):
    tree.write(
        "mysql/shop/orders.yml", f'version: 1\ndestination: {{partition_by: "{expression}"}}\n{COLUMNS}'
    )
    assert len(tree.load()) == 1


def test_a_mutable_column_may_order_a_plain_merge_tree(tree):
    tree.write(
        "mysql/shop/orders.yml",
        f"version: 1\ndestination: {{engine: MergeTree, order_by: [updated_at]}}\n{COLUMNS}",
    )
    assert len(tree.load()) == 1


def test_every_problem_of_a_file_is_reported_at_once(tree):
    tree.write(
        "mysql/shop/orders.yml",
        """
        version: 1
        ownrs: [a@example.com]
        tags: {domain: a b}
        enabled: yes
        sync:
          mode: incremantal
          cursor: update_at
          deletes: mirror
        schedule: "* * *"
        destination: {order_by: [nmae]}
        columns:
          - {name: id, type: bigint, primary_key: true, nullable: true}
          - {name: name, type: text, maks: sha256}
          - {name: name, type: text}
          - {name: _synced_at, type: datetime}
        checks:
          - uniqe: [id]
          - not_null: [idd]
          - row_count: {min: 3, max: 1}
          - unique: [missing]
        """,
    )
    assert [problem.line for problem in tree.problems()] == [
        2, 3, 4, 6, 7, 9, 10, 10, 12, 13, 14, 15, 17, 18, 19, 20,
    ]  # fmt: skip


def test_no_message_speaks_of_the_programming_language(tree):
    for number, (case, _, _) in enumerate(CASES.values()):
        text = case.removeprefix("postgres\n").replace("...", COLUMNS.strip(), 1)
        tree.write(f"mysql/shop/t{number}.yml", text)
    words = "\n".join(f" {problem.what} {problem.todo} " for problem in tree.problems())
    for foreign in (
        "None",
        " str ",
        " int ",
        "dict",
        "tuple",
        "pydantic",
        "Input should",
        "Error",
        "object at",
    ):
        assert foreign not in words.replace("python/object", "").replace("tuple()", ""), foreign


def test_a_message_reads_as_place_what_and_cure(tree):
    written(tree, "version: 1\nsync:\n  modus: full\n...")
    (problem,) = tree.problems()
    assert str(problem).endswith(
        "mysql/shop/orders.yml:3:3: `modus` is not a key of `sync`. Did you mean 'mode'?"
    )


def test_a_name_in_a_template_of_the_message_is_shown_as_it_is_written(tree):
    written(tree, "version: 1\ntags: {x.y: 'a b'}\n...")
    (problem,) = tree.problems()
    assert problem.what.startswith("`tags.x.y` is 'a b'")
