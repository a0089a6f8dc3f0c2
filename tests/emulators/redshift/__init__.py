"""A stand-in for Amazon Redshift: PostgreSQL behind a relay that is strict."""
