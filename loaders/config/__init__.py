"""Configuration: settings, the dbt profile and project, and redaction of secrets."""
