"""Declared checks: what each asks the warehouse, and how the answer is judged.

Belongs here: pure text and judgement, and one function that runs a check over a callable. Does not belong here: Dagster
(`factories/table_checks`), what a file may say (`schema/check_models`, `schema/rules_checks`), connections.
"""
