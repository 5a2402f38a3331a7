"""Deliveries into tables, each exactly once: objects of a bucket, answers of an API. Knows no Dagster, driver or SQL."""
