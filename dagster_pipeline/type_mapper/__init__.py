"""From a source's column types to ClickHouse's, losing nothing; what is not known is refused."""
