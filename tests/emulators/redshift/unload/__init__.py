"""UNLOAD: query results to files on S3."""
