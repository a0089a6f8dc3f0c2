"""The SQL of cursors, through which Redshift returns large results in parts."""

import re
from collections.abc import Sequence

from loaders.errors import DataError

FETCH_ROWS = 1000  # the most that a cluster of a single node allows


# A placeholder, or what may contain a question mark: text, a name, a comment.
PLACEHOLDER = re.compile(r"""('(?:[^']|'')*'|"[^"]*"|--[^\n]*)|\?""")


def with_literals(query: str, parameters: Sequence[object]) -> str:
    """Put the parameters into a query: DECLARE accepts no bound parameters."""
    texts = map(_literal, parameters)
    placeholders = [match for match in PLACEHOLDER.finditer(query) if not match[1]]
    if len(placeholders) != len(parameters):
        raise ValueError(
            f"{len(parameters)} parameters for {len(placeholders)} placeholders"
        )
    return PLACEHOLDER.sub(lambda match: match[1] or next(texts), query)


def _literal(value: object) -> str:
    if value is None:
        return "null"
    text = str(value)
    if isinstance(value, int):
        return text
    if "\\" in text:
        raise DataError(f"{text!r} contains a backslash, which cannot be searched for.")
    return "'" + text.replace("'", "''") + "'"
