"""The outside world on one machine: S3, Salesforce, mail, sample data."""
