"""The Salesforce API: login, checks, retries, errors, values, rows and bulk jobs."""
