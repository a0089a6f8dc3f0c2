"""Redshift's SQL: read it, refuse what Redshift refuses, write it for PostgreSQL."""
