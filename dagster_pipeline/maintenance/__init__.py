"""Looks after the warehouse: its health, merges that pay, what may go, advice on storage, and migrations of tables.

What belongs here: questions to ClickHouse about tables that exist, and statements that change how they are kept. What does not
belong here: loading rows (`sync`), holding them against a source (`reconcile`), and Dagster.
"""
