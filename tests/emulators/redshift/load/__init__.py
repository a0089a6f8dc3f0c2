"""COPY: load objects from S3 into tables."""
