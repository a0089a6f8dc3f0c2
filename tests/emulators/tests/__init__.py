"""Tests of the outside world on one machine."""
