"""Tests of the deployment files and of what they promise."""
