"""What every model owes its readers, read from dbt's own manifest."""
