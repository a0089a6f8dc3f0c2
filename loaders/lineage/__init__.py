"""OpenLineage: facts about jobs, runs and datasets, and their delivery as events."""
