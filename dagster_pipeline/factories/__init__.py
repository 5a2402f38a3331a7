"""The only Dagster glue for tables: from a `TableSchema` to assets, checks, jobs and schedules.

Every decision about data stands in rooms that know no Dagster; a factory only translates.
"""
