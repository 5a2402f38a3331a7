"""Whole tables into MySQL and MariaDB by LOAD DATA or INSERTs of many rows."""
