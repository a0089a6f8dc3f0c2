"""A Salesforce stand-in: REST, Bulk API 2.0, logins and faults, on this machine."""
