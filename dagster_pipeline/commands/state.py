"""`state`: see and mend what the pipeline remembers. What changes something only says so until `--apply` is given.

Exit codes: 0 shown, done, or would be done; 1 an error, named on stderr (the store, a lock, a file); 2 wrong usage.
A table that is changed is locked meanwhile, so a run that works on it is never overtaken.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from dagster_pipeline.commands import state_recovery as recovery
from dagster_pipeline.commands import state_report as report
from dagster_pipeline.commands.command import Command
from dagster_pipeline.commands.state_report import Report
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.settings import Settings
from dagster_pipeline.state import portable
from dagster_pipeline.state.records import TableState, for_people
from dagster_pipeline.state.state_manager import StateManager

TABLE = "<destination database>/<table>"
Action = Callable[[StateManager, argparse.Namespace, Settings], Report]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands and their arguments."""
    actions = parser.add_subparsers(dest="state_action", required=True, metavar="action")

    def add(name: str, action: Action, summary: str, *, changes: bool) -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=summary, description=summary)
        sub.set_defaults(act=action, apply=False)
        sub.add_argument("--json", action="store_true", help="write JSON")
        if changes:
            sub.add_argument("--apply", action="store_true", help="do it; without this it is only said")
        return sub

    add("list", _list, "Every table with its cursor, version, open load and lock.", changes=False)
    _add_table(add("show", _show, "One table with its open load's ledger and its lock.", changes=False))
    setting = add(
        "set", _set, "Put a table's cursor where you say; its open load is abandoned.", changes=True
    )
    _add_table(setting)
    setting.add_argument("--cursor", required=True, help="as the source prints the value")
    resetting = add("reset", _reset, "Forget a table's cursor: the next run reads everything.", changes=True)
    every = _add_table(resetting)
    every.add_argument("--all-partitions", action="store_true", help="every partition that is known")
    exporting = add("export", _export, "Write every table's state as JSON.", changes=False)
    exporting.add_argument("--output", type=Path, help="file (default: standard output)")
    importing = add(
        "import", _import, "Put tables where an export has them; versions only rise.", changes=True
    )
    importing.add_argument("file", type=Path, help="what `export` wrote; - is standard input")
    rebuilding = add(
        "rebuild",
        recovery.rebuild,
        "Find a lost cursor again: compare the table, mend it, set it.",
        changes=True,
    )
    rebuilding.add_argument("--table", required=True, help=TABLE)
    again = add(
        "reread", recovery.reread, "Read a range of cursor values again; the cursor stays.", changes=True
    )
    again.add_argument("--table", required=True, help=TABLE)
    again.add_argument("--from", dest="first", help="first cursor value (default: no lower end)")
    again.add_argument("--to", dest="last", help="last cursor value (default: no upper end)")
    _add_table(add("release-lock", _release_lock, "Take a lock away from a run that is dead.", changes=True))
    pruning = add(
        "prune", _prune, "Remove the ledgers of old loads; each table's newest stays.", changes=True
    )
    pruning.add_argument("--days", type=_positive, required=True, help="loads that were opened before that")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Do one action and write its report. Raises `PipelineError`."""
    url = settings.state_url()
    sys.stderr.write(f"State store: {url}\n")  # a wrong DAGSTER_HOME shows at once
    with closing(StateManager(url)) as store:
        done: Report = arguments.act(store, arguments, settings)
    if arguments.json:
        sys.stdout.write(json.dumps(done.data, indent=2, default=report.plain) + "\n")
    else:
        sys.stdout.write(done.text + "\n")
    return 0


def _add_table(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    parser.add_argument("--table", required=True, help=TABLE)
    partition = parser.add_mutually_exclusive_group()
    partition.add_argument("--partition", default="", help="partition key (default: the unpartitioned table)")
    return partition


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _list(store: StateManager, _arguments: argparse.Namespace, _settings: Settings) -> Report:
    return report.of_tables(store.tables(), store.locks())


def _show(store: StateManager, arguments: argparse.Namespace, _settings: Settings) -> Report:
    state = _known(store, arguments.table, arguments.partition)[arguments.partition]
    return report.of_table(state, [lock for lock in store.locks() if lock.table == arguments.table])


def _known(store: StateManager, table: str, partition: str | None) -> dict[str, TableState]:
    """The table's states by partition: that one, or every one for `None`. Raises `ConfigurationError` for none."""
    known = {state.partition: state for state in store.tables() if state.table == table}
    wanted = {key: state for key, state in known.items() if partition in (None, key)}
    if not wanted:
        raise ConfigurationError(
            f"The state store does not know {for_people(table, partition or '')}.",
            todo=f"Its partitions: {', '.join(known)}." if known else "`state list` names what it knows.",
        )
    return wanted


def _set(store: StateManager, arguments: argparse.Namespace, _settings: Settings) -> Report:
    return _move(store, arguments, [arguments.partition], arguments.cursor)


def _reset(store: StateManager, arguments: argparse.Namespace, _settings: Settings) -> Report:
    known = _known(store, arguments.table, None if arguments.all_partitions else arguments.partition)
    return _move(store, arguments, list(known), None)


def _move(
    store: StateManager, arguments: argparse.Namespace, partitions: list[str], cursor: str | None
) -> Report:
    befores = [store.read(arguments.table, partition) for partition in partitions]
    if arguments.apply:
        locked = partitions[0] if len(partitions) == 1 else ""
        with store.lock(arguments.table, owner=f"state {arguments.state_action}", partition=locked):
            for partition in partitions:
                store.set_cursor(arguments.table, cursor, partition=partition)
    return report.of_changes([(before, cursor) for before in befores], applied=arguments.apply)


def _export(store: StateManager, arguments: argparse.Namespace, _settings: Settings) -> Report:
    states = store.tables()
    document = portable.dump(states)
    if arguments.output is None:
        return Report(document, json.loads(document))
    arguments.output.write_text(document + "\n")
    written = f"{len(states)} table(s) and partition(s) written to {arguments.output}."
    return Report(written, {"written": len(states), "file": arguments.output})


def _import(store: StateManager, arguments: argparse.Namespace, _settings: Settings) -> Report:
    states = portable.parse(_read(arguments.file))
    befores = [store.read(state.table, state.partition) for state in states]
    if arguments.apply:
        for table, of_table in _by_table(states):
            with store.lock(table, owner="state import"):
                store.restore(of_table)
    return report.of_import(list(zip(befores, states, strict=True)), applied=arguments.apply)


def _by_table(states: tuple[TableState, ...]) -> Iterator[tuple[str, list[TableState]]]:
    for table, of_table in groupby(sorted(states, key=lambda state: state.table), lambda state: state.table):
        yield table, list(of_table)


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}.") from error


def _release_lock(store: StateManager, arguments: argparse.Namespace, _settings: Settings) -> Report:
    name = (arguments.table, arguments.partition)
    held = [lock for lock in store.locks() if (lock.table, lock.partition) == name]
    if arguments.apply:
        store.release_lock(arguments.table, partition=arguments.partition)
    return report.of_release(for_people(*name), held, applied=arguments.apply)


def _prune(store: StateManager, arguments: argparse.Namespace, _settings: Settings) -> Report:
    before = datetime.now(UTC) - timedelta(days=arguments.days)
    count = store.prune(before) if arguments.apply else store.count_prunable(before)
    return report.of_prune(count, before, applied=arguments.apply)


COMMAND = Command("state", "See and mend cursors, ledgers and locks.", add_arguments, run)
