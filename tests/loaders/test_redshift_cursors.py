"""Parameters become literals in the query of a cursor."""

from datetime import date

import pytest

from loaders.errors import DataError
from loaders.warehouse.redshift_cursors import with_literals


@pytest.mark.parametrize(
    ("query", "parameters", "expected"),
    [
        ("select 1", [], "select 1"),
        ("where a = ? and b = ?", [1, "x"], "where a = 1 and b = 'x'"),
        ("where a = ?", ["it's ? q"], "where a = 'it''s ? q'"),
        ("where a = ?", [None], "where a = null"),
        ("where a = ?", [True], "where a = True"),
        ("where a = ?", [1.5], "where a = '1.5'"),
        ("where a = ?", [date(2026, 11, 24)], "where a = '2026-11-24'"),
        ("where a = 'why?' and b = ?", [2], "where a = 'why?' and b = 2"),
        ("where a = 'it''s?' and b = ?", [2], "where a = 'it''s?' and b = 2"),
        ('select "odd?" where b = ?', [2], 'select "odd?" where b = 2'),
        ("-- why?\nselect ?", [2], "-- why?\nselect 2"),
        ("select '' || ? || ''", ["?"], "select '' || '?' || ''"),
    ],
)
def test_placeholders_are_replaced_outside_texts_names_and_comments(
    query: str, parameters: list[object], expected: str
) -> None:
    assert with_literals(query, parameters) == expected


@pytest.mark.parametrize(
    ("query", "parameters", "error"),
    [
        ("where a = ?", [], ValueError),
        ("where a = '?'", [1], ValueError),
        ("where a = ?", ["a\\b"], DataError),
    ],
)
def test_parameters_that_do_not_fit_are_errors(
    query: str, parameters: list[object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        with_literals(query, parameters)
