"""Tests of what is wanted and told: one file a module."""
