"""The Luigi tasks."""
