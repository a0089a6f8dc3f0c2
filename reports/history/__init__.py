"""The run history: runs, the tasks of a run over time, models, volumes, alerts."""
