"""Limits of a query that do not depend on the org's data."""

from tests.emulators.salesforce.errors import ApiError
from tests.emulators.salesforce.soql.parser import Query
from tests.emulators.salesforce.soql.tokens import malformed_query

MAX_LIMIT = (1 << 31) - 1
MAX_OFFSET = 2000


def check_page(query: Query) -> None:
    """Reject a LIMIT beyond an integer, and an OFFSET above 2,000."""
    if query.limit is not None and query.limit > MAX_LIMIT:
        raise malformed_query(f"numeric value out of range: {query.limit}")
    if query.offset > MAX_OFFSET:
        raise ApiError(
            400,
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"Maximum SOQL offset allowed is {MAX_OFFSET}",
        )


def check_duplicates(names: list[str], aliases: list[str]) -> None:
    """Reject a field that is selected twice, and an alias that is given twice."""
    for name in _repeated(names):
        raise ApiError(400, "INVALID_FIELD", f"duplicate field selected: {name}")
    for alias in _repeated(aliases):
        raise malformed_query(f"duplicate alias: {alias}")


def _repeated(names: list[str]) -> list[str]:
    folded = [name.lower() for name in names]
    return [name for n, name in enumerate(names) if name.lower() in folded[:n]]
