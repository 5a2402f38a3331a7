"""MySQL and MariaDB, through PyMySQL: small questions as it answers them, rows in the binary protocol."""
