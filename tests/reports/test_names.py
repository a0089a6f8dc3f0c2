"""Customer-supplied names are harmless in HTML, mail and plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.morning import names
from tests.reports.sample_report import HOSTILE_NAMES

BIDI_CONTROLS = set(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
)


@given(st.one_of(st.none(), st.text(max_size=400), st.sampled_from(HOSTILE_NAMES)))
def test_clean_name_is_one_short_line_without_control_characters(
    name: str | None,
) -> None:
    shown = names.clean_name(name)
    assert 0 < len(shown) <= names.MAX_NAME_LENGTH
    assert len(shown.splitlines()) == 1
    assert not BIDI_CONTROLS & set(shown)
    assert all(character >= " " and character != "\x7f" for character in shown)
    assert not shown.startswith(names.FORMULA_PREFIXES)


@given(st.text(max_size=400))
def test_name_as_html_is_escaped_text_in_a_bdi_element(name: str) -> None:
    shown = str(names.name_as_html(name))
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
def test_clean_name_keeps_visible_characters(name: str | None, shown: str) -> None:
    assert names.clean_name(name) == shown


def test_truncation_does_not_split_a_grapheme() -> None:
    assert names.clean_name("x" * 46 + "e\u0301" + "y" * 9) == "x" * 46 + "…"
    family = "👩\u200d👩\u200d👧\u200d👦"
    shown = names.clean_name("x" * 44 + family + "y" * 9)
    assert not shown.rstrip("…").endswith("\u200d")


def test_right_to_left_name_is_isolated_in_plain_text() -> None:
    peace = "\u05e9\u05dc\u05d5\u05dd"
    assert names.name_as_text(peace) == f"\u2068{peace}\u2069"
    assert names.name_as_text("Acme") == "Acme"
