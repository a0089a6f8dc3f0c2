"""Tests of the Salesforce sync against the Salesforce emulator."""
