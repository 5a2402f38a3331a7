"""Rows of the warehouse into an application's table: the difference to what was written last, in bounded transactions.

`run` says the whole way aloud. Not here: SQL of the target (`targets`), what a column can take (`type_mapper.outbound`),
Dagster.
"""
