"""Takes one load back: every row that still is as the load left it becomes what it was before.

A row that somebody changed since is left alone and counted. What is taken back counts as unknown in the flow's books, so
the next run writes it again unless the source says something else by then: switch the schedule off first.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.reverse_etl.agreement import Agreement, agreement_of
from dagster_pipeline.reverse_etl.books import Books
from dagster_pipeline.reverse_etl.flow import Flow
from dagster_pipeline.reverse_etl.images import kept_loads, read_images
from dagster_pipeline.state.base_state_store import BaseStateStore
from dagster_pipeline.targets.base_target import Field, Key, Row, RowsRefusedError, Target
from dagster_pipeline.targets.changes import Image
from dagster_pipeline.targets.comparing import comparable

ROWS_AT_ONCE = 500

Texts = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class UndoResult:
    """Rows, by what became of them.

    Attributes:
        restored: updated rows with their old values, deleted rows that are back, inserted rows that are gone.
        already: were as before the load.
        changed_since: are neither as before nor as after the load, and were left alone.
        refused: the target did not take the old values.
    """

    restored: int = 0
    already: int = 0
    changed_since: int = 0
    refused: int = 0

    def __add__(self, other: UndoResult) -> UndoResult:
        return UndoResult(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


class Undo:
    """Takes back one load of one flow."""

    def __init__(
        self, flow: Flow, *, sink: ClickHouseSink, target: Target, state: BaseStateStore, run_id: str
    ) -> None:
        self._flow = flow
        self._sink = sink
        self._target = target
        self._state = state
        self._run_id = run_id

    def undo(self, run: str) -> UndoResult:
        """Take back a load, or all loads of a run, newest change first; may be repeated.

        Raises `ConfigurationError` when no image of it is kept.
        """
        with self._state.lock(self._flow.state_name, owner=self._run_id) as lock:
            loads = [
                load.load_id
                for load in kept_loads(self._sink, self._flow)
                if run in (load.load_id, load.run_id)
            ]
            if not loads:
                raise ConfigurationError(
                    f"{self._flow.state_name}: no image of a run {run!r} is kept.",
                    todo=f"`python -m dagster_pipeline reverse-etl runs {self._flow.name}` lists what can be taken back.",
                )
            agreement = agreement_of(self._flow, self._sink, self._target)
            books = Books(self._flow, agreement, self._sink)
            books.ensure()
            version = self._state.next_version(
                self._flow.state_name, above=self._sink.highest_version(books.written)
            )
            total = UndoResult()
            for load_id in loads:
                for images in read_images(self._sink, self._flow, load_id, at_once=ROWS_AT_ONCE):
                    lock.assert_held()
                    result, back = self._batch(agreement, images)
                    books.forget(load_id, back, version=version)
                    total += result
        return total

    def _batch(self, agreement: Agreement, images: Sequence[Image]) -> tuple[UndoResult, list[int]]:
        """What became of these rows, and the numbers of those that are as before now."""
        restored, already, changed, refused = [], [], 0, 0
        with self._target.transaction():
            now = self._now(agreement, images)
            for image in images:
                current = now.get(_name(agreement, image.key))
                if _is(current, image.before):
                    already.append(image.seq)
                elif not _is(current, image.after):
                    changed += 1
                elif self._put_back(agreement, image):
                    restored.append(image.seq)
                else:
                    refused += 1
        result = UndoResult(len(restored), len(already), changed, refused)
        return result, [*restored, *already]

    def _now(self, agreement: Agreement, images: Sequence[Image]) -> dict[Hashable, Texts]:
        """The rows as they are, with every column that an image may name."""
        width, key = len(agreement.key), agreement.key_fields
        rows = self._target.read(key, [image.key for image in images], self._columns(agreement))
        names = [field.name for field in self._columns(agreement)]
        return {_name(agreement, row[:width]): dict(zip(names, row[width:], strict=True)) for row in rows}

    def _columns(self, agreement: Agreement) -> list[Field]:
        """Read as the writer reads them, so that texts are equal; columns that are not written, as they are."""
        own = {field.name: field for field in agreement.whole_row}
        return list((own | {field.name: field for field in agreement.fields}).values())

    def _put_back(self, agreement: Agreement, image: Image) -> bool:
        own = {field.name: field for field in agreement.whole_row}
        key = agreement.key_fields
        try:
            if image.before is None:
                self._target.delete(key, [image.key])
            elif image.after is None:
                names = list(image.before)
                self._target.insert([own[name] for name in names], [tuple(image.before.values())])
            else:
                names = list(image.before)
                row: Row = (*image.key, *image.before.values())
                self._target.update(key, [own[name] for name in names], [row])
        except RowsRefusedError:
            return False
        return True


def _name(agreement: Agreement, key: Key | Row) -> Hashable:
    return tuple(
        comparable(field.outbound.kind, text) for field, text in zip(agreement.key_fields, key, strict=True)
    )


def _is(current: Texts | None, image: Texts | None) -> bool:
    """The row is as the image has it, in the columns that the image has."""
    if current is None or image is None:
        return current is image
    return all(current.get(name) == text for name, text in image.items())
