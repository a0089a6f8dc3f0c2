"""Arithmetic of decimals with Redshift's precision and scale.

PostgreSQL gives a numeric as many digits as its value needs. Redshift computes its
precision and scale from those of the operands. Results are cast to these.
"""

from tests.emulators.redshift.dialect.arithmetic.scopes import rewrite

__all__ = ["rewrite"]
