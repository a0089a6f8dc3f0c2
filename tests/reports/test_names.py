"""Names as customers type them do no harm where they are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.morning import names
from tests.reports.sample_report import HOSTILE_NAMES

BIDI = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


@given(st.one_of(st.none(), st.text(max_size=400), st.sampled_from(HOSTILE_NAMES)))
def test_a_name_is_one_short_line_without_control_characters(name: str | None) -> None:
    shown = names.clean(name)
    assert 0 < len(shown) <= names.SHOWN_LETTERS
    assert len(shown.splitlines()) == 1
    assert not BIDI & set(shown)
    assert all(letter >= " " and letter != "\x7f" for letter in shown)
    assert not shown.startswith(names.FORMULA_SIGNS)


@given(st.text(max_size=400))
def test_a_name_on_a_page_is_nothing_but_text_in_its_own_direction(name: str) -> None:
    shown = str(names.as_html(name))
    assert shown.startswith("<bdi>") and shown.endswith("</bdi>")
    inner = shown[len("<bdi>") : -len("</bdi>")]
    assert not set('<>"') & set(inner)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Zürich Käse & Söhne", "Zürich Käse & Söhne"),
        ("日本語の会社", "日本語の会社"),
        ("👩\u200d👩\u200d👧\u200d👦", "👩\u200d👩\u200d👧\u200d👦"),
        (" a\r\n b\u2028c\td ", "a b c d"),
        ("\u202eevil", "evil"),
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\x00", names.NO_NAME),
        (None, names.NO_NAME),
        ("x" * 48, "x" * 48),
        ("x" * 49, "x" * 47 + "…"),
    ],
)
def test_a_name_keeps_its_letters(name: str | None, shown: str) -> None:
    assert names.clean(name) == shown


def test_a_cut_does_not_tear_a_letter_apart() -> None:
    assert names.clean("x" * 46 + "e\u0301" + "y" * 9) == "x" * 46 + "…"
    family = "👩\u200d👩\u200d👧\u200d👦"
    assert not names.clean("x" * 44 + family + "y" * 9).rstrip("…").endswith("\u200d")


def test_a_name_that_reads_from_the_right_is_isolated_in_plain_text() -> None:
    peace = "\u05e9\u05dc\u05d5\u05dd"
    assert names.as_text(peace) == f"\u2068{peace}\u2069"
    assert names.as_text("Acme") == "Acme"
