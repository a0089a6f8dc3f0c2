"""Clauses of single statements that Redshift has in a form of its own."""
