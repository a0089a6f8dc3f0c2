"""dbt's public test suite for adapters, run with unmodified dbt-redshift."""
