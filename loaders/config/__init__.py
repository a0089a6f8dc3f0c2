"""Configuration: settings, the dbt profile and project, redaction of secrets."""
