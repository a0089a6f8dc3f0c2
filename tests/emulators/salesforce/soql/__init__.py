"""SOQL: parsing, and translation to SQL."""
