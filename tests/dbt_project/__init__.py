"""Conventions for models and their documentation, checked in dbt's manifest."""
