"""The SQL of cursors, through which Redshift returns large results in parts."""

from collections.abc import Sequence

from loaders.errors import DataError

FETCH_ROWS = 1000  # the most that a cluster of a single node allows


def with_literals(query: str, parameters: Sequence[object]) -> str:
    """Put the parameters into a query: DECLARE accepts no bound parameters."""
    first, *rest = query.split("?")
    pairs = zip(parameters, rest, strict=True)
    return first + "".join(f"{_literal(value)}{text}" for value, text in pairs)


def _literal(value: object) -> str:
    text = str(value)
    if isinstance(value, int):
        return text
    if "\\" in text:
        raise DataError(f"{text!r} contains a backslash, which cannot be searched for.")
    return "'" + text.replace("'", "''") + "'"
