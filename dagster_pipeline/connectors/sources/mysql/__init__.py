"""MySQL and MariaDB: small questions through PyMySQL, rows through ConnectorX in a child process."""
