"""PostgreSQL: everything through psycopg2, but rows through the libpq under it, as binary COPY."""
