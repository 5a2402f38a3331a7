"""PostgreSQL: everything through psycopg2, rows as COPY text."""
