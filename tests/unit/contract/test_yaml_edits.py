"""Edits of a YAML text: what a person wrote around them stays, and the result reads as the edits want it."""

from __future__ import annotations

import pytest

from dagster_pipeline.contract.yaml_edit import AppendItem, Edit, RemoveItem, SetKey, patched

FLOW = """version: 1
columns:   # in order
  - {name: id, type: bigint, primary_key: true}  # the key
  # money
  - {name: amount, type: "decimal(10,2)"}

  - {name: last, type: text}
  # the end
checks:
  - unique: [id]
"""
BLOCK = """version: 1
columns:
- name: id        # the key
  type: bigint
- type: text
  name: note
  description: |
    Two
    lines.

# after
schedule: "0 * * * *"
"""
ONE_LINE = "columns: [{name: id, type: int}, {name: b, type: text}]"


@pytest.mark.parametrize(
    ("text", "edits", "before", "after"),
    [
        (FLOW, [SetKey("columns", 1, "type", "decimal(12,2)")], '"decimal(10,2)"', '"decimal(12,2)"'),
        (FLOW, [SetKey("columns", 2, "nullable", value=True)], "type: text}", "type: text, nullable: true}"),
        (FLOW, [SetKey("columns", 0, "primary_key", value=False)], "primary_key: true", "primary_key: false"),
        (
            FLOW,
            [AppendItem("columns", (("name", "new"), ("type", "int(11)")))],
            "type: text}\n",
            'type: text}\n  - {name: new, type: "int(11)"}\n',
        ),
        (FLOW, [RemoveItem("columns", 1)], '  - {name: amount, type: "decimal(10,2)"}\n', ""),
        (
            BLOCK,
            [SetKey("columns", 0, "nullable", value=True)],
            "# the key\n",
            "# the key\n  nullable: true\n",
        ),
        (BLOCK, [SetKey("columns", 1, "type", "varchar(9)")], "- type: text", '- type: "varchar(9)"'),
        (
            BLOCK,
            [AppendItem("columns", (("name", "extra"), ("type", "int")))],
            "    lines.\n",
            "    lines.\n- {name: extra, type: int}\n",
        ),
        (
            BLOCK,
            [RemoveItem("columns", 1)],
            "- type: text\n  name: note\n  description: |\n    Two\n    lines.\n",
            "",
        ),
        (
            ONE_LINE,
            [RemoveItem("columns", 0), AppendItem("columns", (("name", "c"), ("type", "int")))],
            "[{name: id, type: int}, {name: b, type: text}]",
            "[{name: b, type: text}, {name: c, type: int}]",
        ),
        (
            FLOW,
            [
                RemoveItem("columns", 2),
                AppendItem("columns", (("name", "one"), ("type", "int"))),
                AppendItem("columns", (("name", "two"), ("type", "int"))),
            ],
            "  - {name: last, type: text}\n",
            "  - {name: one, type: int}\n  - {name: two, type: int}\n",
        ),
    ],
)
def test_only_what_is_edited_changes(text: str, edits: list[Edit], before: str, after: str) -> None:
    assert patched(text, edits) == text.replace(before, after, 1)


def test_edits_that_contradict_each_other_give_no_patch() -> None:
    edits = [SetKey("columns", 0, "type", "int"), SetKey("columns", 0, "type", "smallint")]
    assert patched(FLOW, edits) is None
