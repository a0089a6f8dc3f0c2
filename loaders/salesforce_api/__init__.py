"""A client of the Salesforce REST API: login, retries, errors and bulk jobs."""
