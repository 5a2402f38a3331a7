"""Keeps ClickHouse tables in step with MySQL/MariaDB and PostgreSQL: one YAML file per table, one Dagster asset each."""
