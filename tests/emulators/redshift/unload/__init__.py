"""UNLOAD: write query results to files on S3."""
