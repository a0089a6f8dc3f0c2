"""Tests of the loaders, each against its part of the stack."""
