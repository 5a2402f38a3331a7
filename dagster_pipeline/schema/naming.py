"""Names that Dagster and ClickHouse must accept, judged here so that a bad one is found in its file.

Dagster is not imported by this package, so its rules are restated, each with its place in Dagster 1.13.
"""

from __future__ import annotations

import re

SYSTEM_COLUMNS = ("_version", "_deleted", "_synced_at")
QUARANTINE_CHECK = "quarantine"
"""The check that a table with `on_bad_row: quarantine` has besides its own."""

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z|]{2,7}")
_COLUMN_TAG = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_TAG_KEY = re.compile(r"(?:[A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}")
_GROUP = re.compile(r"[A-Za-z0-9_]+(?:/[A-Za-z0-9_]+)*")
_KEY_PART = re.compile(r"[A-Za-z0-9_.-]+")
_CHECK = re.compile(r"[A-Za-z0-9_]{1,100}")
_SETTING = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def owner(value: str) -> str:
    """An e-mail address or `team:name` (dagster `_core/definitions/utils.py`: is_valid_owner). Raises `ValueError`."""
    if _EMAIL.fullmatch(value) or (value.startswith("team:") and value[len("team:") :].strip()):
        return value
    raise ValueError(
        f"is '{value}', which is neither an e-mail address nor a team.",
        f"Write an address, or team:{value.lower().removeprefix('team:').strip() or 'name'}.",
    )


def tag_key(value: str) -> str:
    """A tag's name (dagster `_utils/tags.py`, `VALID_TAG_KEY_REGEX`). Raises `ValueError`."""
    if _TAG_KEY.fullmatch(value):
        return value
    raise ValueError(
        "is no valid tag name.",
        "Use letters, digits, '_', '-' and '.', at most 63 of them, optionally after one 'namespace/'.",
    )


def column_tag(value: str) -> str:
    """A tag of a column: lower-case words joined by dots, e.g. `pii.email`. Raises `ValueError`."""
    if _COLUMN_TAG.fullmatch(value):
        return value
    raise ValueError(
        f"is '{value[:80]}', which is no tag.", "Write lower-case words joined by dots, e.g. pii.email."
    )


def tag_value(value: str) -> str:
    """A tag's value (dagster `_utils/tags.py`, `VALID_STRICT_TAG_VALUE_REGEX`). Raises `ValueError`."""
    if _TAG_VALUE.fullmatch(value):
        return value
    raise ValueError(
        f"is '{value[:80]}', which is no valid tag value.",
        "Use letters, digits, '_', '-' and '.', at most 63 of them; free text belongs in description.",
    )


def group_name(value: str) -> str:
    """A group (dagster `_core/definitions/utils.py`, `VALID_GROUP_NAME_REGEX`). Raises `ValueError`."""
    if _GROUP.fullmatch(value):
        return value
    raise ValueError(
        f"is '{value[:80]}', which is no valid group.",
        f"Use letters, digits and '_', with '/' between levels, e.g. {default_group(value) or 'billing'}.",
    )


def default_group(database: str) -> str:
    """The group of a table whose file names none: the database, with what a group may not hold replaced by `_`."""
    return re.sub(r"[^A-Za-z0-9_]", "_", database)


def check_name(value: str) -> str:
    """A check's name: it becomes part of a Dagster output name, which allows no more. Raises `ValueError`."""
    if _CHECK.fullmatch(value):
        return value
    raise ValueError(
        f"is '{value[:80]}', which is no valid check name.", "Use at most 100 letters, digits and '_'."
    )


def setting_name(value: str) -> str:
    """An engine setting's name; it stands in SQL as it is. Raises `ValueError`."""
    if _SETTING.fullmatch(value):
        return value
    raise ValueError("is no name of an engine setting.", "Use letters, digits and '_'.")


def is_key_part(value: str) -> bool:
    """Whether Dagster takes a name as part of an asset key (it must turn into a valid op name, see `op_name`)."""
    return _KEY_PART.fullmatch(value) is not None


def op_name(*parts: str) -> str:
    """The op that Dagster names after an asset key (`to_python_identifier` in `_core/definitions/asset_key.py`)."""
    return "__".join(parts).replace("-", "_").replace(".", "_")
