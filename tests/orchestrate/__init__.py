"""Tests of the orchestration: alerts, reports, checks."""
