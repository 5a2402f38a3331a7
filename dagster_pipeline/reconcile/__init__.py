"""Holds a whole table against its source, key range by key range, and mends what differs.

Belongs here: which ranges are compared, what a difference is, when to wait, what to reload. Does not belong here: SQL
(`connectors/*/digests`), what a value's text is (`type_mapper/canonical_text`), Dagster.
"""
