"""Whole tables into PostgreSQL by COPY."""
