"""One transaction: what each row needs is seen under a lock, done, read back; what the target refuses is set aside.

A statement with a row that the database refuses does nothing; its rows are then halved until the row stands alone, so one
bad row costs a few statements, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from dagster_pipeline.schema.target_models import WriteMode
from dagster_pipeline.targets.base_target import Field, Key, Row, RowsRefusedError, Target
from dagster_pipeline.targets.changes import DELETE, Change, Image, Outcome, RowShape
from dagster_pipeline.targets.comparing import comparable


class BatchWriter:
    """Writes batches into one table.

    Args:
        before_commit: is told what the transaction did before it is committed; what it raises takes everything back.
    """

    def __init__(
        self, shape: RowShape, target: Target, mode: WriteMode, *, before_commit: Callable[[Outcome], None]
    ) -> None:
        self._shape = shape
        self._target = target
        self._mode = mode
        self._before_commit = before_commit
        self._key = shape.key
        self._others = [shape.columns[place] for place in shape.other_places]

    def write(self, changes: Sequence[Change]) -> Outcome:
        """Do them all in one transaction. Raises `PipelineError`; then none of them is done."""
        outcome, fitting = _fitting(changes)
        with self._target.transaction():
            self._delete([change for change in fitting if change.action == DELETE], outcome)
            self._put([change for change in fitting if change.action != DELETE], outcome)
            self._before_commit(outcome)
        return outcome

    def preview(self, changes: Sequence[Change]) -> Outcome:
        """What `write` would do to rows that are to be written, as far as it can be known without doing it."""
        outcome, fitting = _fitting(changes)
        there = self._read(fitting, self._others, outcome, lock=False)
        inserts, updates = self._sort(fitting, there, outcome)
        outcome.count(inserted=len(inserts), updated=len(updates))
        return outcome

    def _delete(self, changes: Sequence[Change], outcome: Outcome) -> None:
        there = self._read(changes, self._shape.whole_row, outcome)
        found = [change for change in changes if self._name(change) in there]
        outcome.count(absent=len(changes) - len(found))
        done = self._do(found, outcome, lambda some: self._target.delete(self._key, self._keys(some)))
        outcome.count(deleted=len(done))
        for change in done:
            before = _named(self._shape.whole_row, there[self._name(change)])
            outcome.images.append(Image(change.seq, change.key(self._shape.key_places), before, None))

    def _put(self, changes: Sequence[Change], outcome: Outcome) -> None:
        there = self._read(changes, self._others, outcome)
        inserts, updates = self._sort(changes, there, outcome)
        fields = [*self._key, *self._others]
        done = [
            *self._do(
                updates, outcome, lambda some: self._target.update(self._key, self._others, self._rows(some))
            ),
            *self._do(inserts, outcome, lambda some: self._target.insert(fields, self._rows(some))),
        ]
        new = {change.seq for change in inserts}
        inserted = sum(change.seq in new for change in done)
        outcome.count(inserted=inserted, updated=len(done) - inserted)
        now = self._read(done, self._others, outcome)
        for change in done:
            name = self._name(change)
            before = None if name not in there else _named(self._others, there[name])
            after = None if name not in now else _named(self._others, now[name])
            outcome.images.append(Image(change.seq, change.key(self._shape.key_places), before, after))
            if after is None or not self._is_wanted(change, now[name]):
                outcome.count(differing=1)

    def _sort(
        self, changes: Sequence[Change], there: dict[Hashable, Row], outcome: Outcome
    ) -> tuple[list[Change], list[Change]]:
        """What is to be inserted, and what updated."""
        inserts: list[Change] = []
        updates: list[Change] = []
        for change in changes:
            name = self._name(change)
            if name not in there and self._mode == "update":
                outcome.count(absent=1)
                outcome.forgotten.append(change.seq)  # it may come to exist
            elif name not in there:
                inserts.append(change)
            elif self._mode == "insert":
                outcome.count(kept=1)
            elif self._is_wanted(change, there[name]):
                outcome.count(unchanged=1)
            else:
                updates.append(change)
        return inserts, updates

    def _do(
        self, changes: Sequence[Change], outcome: Outcome, statement: Callable[[Sequence[Change]], None]
    ) -> list[Change]:
        """Those that the target took."""
        if not changes:
            return []
        try:
            statement(changes)
        except RowsRefusedError as error:
            if len(changes) == 1:
                outcome.reject(changes[0], f"{error.reason} ({error.code})")
                return []
            middle = len(changes) // 2
            return [
                *self._do(changes[:middle], outcome, statement),
                *self._do(changes[middle:], outcome, statement),
            ]
        return list(changes)

    def _read(
        self, changes: Sequence[Change], fields: Sequence[Field], outcome: Outcome, *, lock: bool = True
    ) -> dict[Hashable, Row]:
        """The rows that exist, by name of their key."""
        if not changes:
            return {}
        outcome.count(read=len(changes))
        width = len(self._key)
        rows = self._target.read(self._key, self._keys(changes), fields, lock=lock)
        return {self._named_key(row[:width]): row[width:] for row in rows}

    def _keys(self, changes: Sequence[Change]) -> list[Key]:
        return [change.key(self._shape.key_places) for change in changes]

    def _rows(self, changes: Sequence[Change]) -> list[Row]:
        return [
            tuple(change.values[place] for place in (*self._shape.key_places, *self._shape.other_places))
            for change in changes
        ]

    def _name(self, change: Change) -> Hashable:
        return self._named_key(change.key(self._shape.key_places))

    def _named_key(self, texts: Sequence[str | None]) -> Hashable:
        return tuple(
            comparable(field.outbound.kind, text) for field, text in zip(self._key, texts, strict=True)
        )

    def _is_wanted(self, change: Change, row: Row) -> bool:
        wanted = (change.values[place] for place in self._shape.other_places)
        return all(
            comparable(field.outbound.kind, text) == comparable(field.outbound.kind, found)
            for field, text, found in zip(self._others, wanted, row, strict=True)
        )


def _fitting(changes: Sequence[Change]) -> tuple[Outcome, list[Change]]:
    """Those that are not known to be at fault, and an outcome with those that are."""
    outcome = Outcome()
    for change in changes:
        if change.reason:
            outcome.reject(change, change.reason)
    return outcome, [change for change in changes if not change.reason]


def _named(fields: Sequence[Field], row: Row) -> dict[str, str | None]:
    return {field.name: text for field, text in zip(fields, row, strict=True)}
