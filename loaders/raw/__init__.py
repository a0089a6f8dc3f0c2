"""Load raw S3 objects into the staging tables, on DuckDB or Redshift."""
