"""The names that schemas, tables and columns may have on both warehouses."""

import re

# Redshift folds names to lower case and has at most 127 bytes for them.
IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,126}")
IDENTIFIER_RULE = (
    "Use at most 127 characters of a-z, 0-9 and _, not starting with a digit."
)
