"""Keeps ClickHouse in step with MySQL/MariaDB and PostgreSQL: one YAML file per table, one Dagster asset each."""
