"""Rows of the warehouse that leave it, each exactly once: for a bucket, for another database. Knows no Dagster or driver."""
