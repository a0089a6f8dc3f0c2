"""Redshift's SQL dialect: parse it, reject what Redshift rejects, rewrite the rest."""
