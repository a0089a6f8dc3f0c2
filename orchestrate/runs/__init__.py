"""Executing a root task: outcome, alerts, Luigi events."""
