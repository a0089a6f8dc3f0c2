"""Tests of the reference implementation on small, hand-computed inputs."""
