"""Rows from one application database into another, by declared rules; `migration` says the whole way aloud.

Not here: SQL (`targets`), what a file may say (`schema/data_migration_file.py`), Dagster.
"""
