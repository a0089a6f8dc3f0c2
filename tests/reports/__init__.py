"""Tests of the morning report and of `nightshift explain-org`."""
