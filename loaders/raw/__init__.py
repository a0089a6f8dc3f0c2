"""Raw objects on S3 to staging tables."""
