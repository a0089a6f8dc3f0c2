"""dbt's public conformance suite for adapters, through unmodified dbt-redshift."""
