"""Exports into BigQuery: load jobs from Parquet, then one job that makes the rows visible. Needs the extra `bigquery`."""
