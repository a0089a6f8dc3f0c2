"""Salesforce emulator: REST API, Bulk API 2.0, OAuth, SOAP login, fault injection."""
