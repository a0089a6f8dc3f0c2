"""Emulators of S3, Redshift, Salesforce and a mail server, and sample data."""
