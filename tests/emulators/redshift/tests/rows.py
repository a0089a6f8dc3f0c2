"""Rows of the strictness tests: a statement, what it returns or why it is refused."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.emulators.redshift.tests.conftest import Session


@dataclass(frozen=True)
class Refused:
    """A statement fails, and the message or its detail has this text."""

    message: str


# The statement, the rows it returns or its error, and the source.
Row = tuple[str, list[list[object]] | Refused, str]


def names(rows: Sequence[Row]) -> list[str]:
    """Return the names of the rows in test reports."""
    return [sql[:70] for sql, _, _ in rows]


def check(session: Session, row: Row) -> None:
    """Run a row's statement and compare its result."""
    sql, expected, source = row
    if isinstance(expected, Refused):
        assert expected.message in session.error(sql), source
    else:
        assert session.run(sql) == expected, source
