"""Views: materialized views, the system relations, the types of new columns."""
