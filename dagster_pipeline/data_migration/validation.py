"""Whether rows are what a file's rules ask for. Judges rows in the order in which they come; asks the target in bulk."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from dagster_pipeline.schema.data_migration_file import MigrationRules, ReferenceRule
from dagster_pipeline.targets.base_target import Field, Row, Target
from dagster_pipeline.targets.changes import RowShape

Places = tuple[int, ...]


class Validator:
    """The rules of one run.

    Args:
        open_reference: opens the table that a reference names.
    """

    def __init__(
        self,
        rules: MigrationRules,
        shape: RowShape,
        target: Target,
        *,
        open_reference: Callable[[ReferenceRule], Target],
    ) -> None:
        self._rules = rules
        self._shape = shape
        self._target = target
        self._open_reference = open_reference
        self._place = {field.name: place for place, field in enumerate(shape.columns)}
        self._patterns = [(rule, re.compile(rule.pattern)) for rule in rules.format]
        self._seen: dict[Places, set[bytes]] = {}
        self._known: dict[ReferenceRule, dict[str, bool]] = {}

    def judge(self, rows: Sequence[Row]) -> list[list[str]]:
        """For each row every reason why it must not move; empty when it may."""
        missing = {rule: self._missing(rule, rows) for rule in self._rules.reference}
        groups = [tuple(self._place[name] for name in names) for names in self._rules.duplicate]
        taken = {places: self._taken(places, rows) for places in groups}
        judged = []
        for row in rows:
            reasons = [*self._of_row(row), *self._of_references(row, missing), *self._of_others(row, taken)]
            if not reasons:
                self._enter(row, groups)
            judged.append(reasons)
        return judged

    def _of_row(self, row: Row) -> Iterator[str]:
        for name in self._rules.required:
            text = row[self._place[name]]
            if text is None or not text.strip():
                yield f"required: {name} is {'NULL' if text is None else 'blank'}"
        for rule, pattern in self._patterns:
            text = row[self._place[rule.column]]
            if text is not None and not pattern.fullmatch(text):
                yield f"format: {rule.column} {rule.says or f'does not match {rule.pattern}'}"

    def _of_references(self, row: Row, missing: Mapping[ReferenceRule, set[str]]) -> Iterator[str]:
        for rule, texts in missing.items():
            if row[self._place[rule.column]] in texts:
                yield f"reference: {rule.column} is not in {rule.table}.{rule.key}"

    def _of_others(self, row: Row, taken: Mapping[Places, dict[Row, set[Row]]]) -> Iterator[str]:
        """What another row has: of the target, or one of this run that was let through."""
        key = tuple(row[place] for place in self._shape.key_places)
        for places, owners in taken.items():
            texts = tuple(row[place] for place in places)
            if None in texts:
                continue
            names = ", ".join(self._shape.columns[place].name for place in places)
            if _digest(texts) in self._seen.get(places, ()):  # first: a dry run then says the same
                yield f"duplicate: another row of this run has this {names}"
            elif owners.get(texts, set()) - {key}:
                yield f"duplicate: another row of the target has this {names}"

    def _enter(self, row: Row, groups: Sequence[Places]) -> None:
        for places in groups:
            texts = tuple(row[place] for place in places)
            if None not in texts:
                self._seen.setdefault(places, set()).add(_digest(texts))

    def _missing(self, rule: ReferenceRule, rows: Sequence[Row]) -> set[str]:
        """Values of these rows that the other table does not have; each is asked for once a run."""
        place = self._place[rule.column]
        texts = {text for row in rows if (text := row[place]) is not None}
        known = self._known.setdefault(rule, {})
        asked = sorted(texts - known.keys())
        if asked:
            column = Field(rule.key, self._shape.columns[place].outbound)
            with self._open_reference(rule) as other:
                found = {row[0] for row in other.read([column], [(text,) for text in asked], [], lock=False)}
            known.update({text: text in found for text in asked})
        return {text for text in texts if not known[text]}

    def _taken(self, places: Places, rows: Sequence[Row]) -> dict[Row, set[Row]]:
        """Keys of the target's rows that have these columns' values, by the values."""
        wanted = sorted(
            {texts for row in rows if None not in (texts := tuple(row[place] for place in places))}
        )
        owners: dict[Row, set[Row]] = {}
        if wanted:
            columns = [self._shape.columns[place] for place in places]
            for found in self._target.read(columns, wanted, self._shape.key, lock=False):
                owners.setdefault(found[: len(places)], set()).add(found[len(places) :])
        return owners


def _digest(texts: Row) -> bytes:
    """A run may see millions of rows, so it remembers 16 bytes of each."""
    return hashlib.blake2b("\0".join(map(str, texts)).encode(), digest_size=16).digest()
