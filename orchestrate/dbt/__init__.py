"""The dbt project: its graph, and running dbt in this process."""
