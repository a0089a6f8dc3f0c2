"""Tests of the Salesforce emulator over HTTP."""
