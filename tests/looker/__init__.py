"""Tests of the LookML that is generated from the marts' YAML."""
