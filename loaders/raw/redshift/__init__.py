"""Loads into Redshift: COPY, parsing in SQL, rejects and counts."""
