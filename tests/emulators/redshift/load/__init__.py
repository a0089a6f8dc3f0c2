"""COPY and UNLOAD: what moves between tables and objects of S3."""
