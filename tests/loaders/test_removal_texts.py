"""Which occurrences of an erased org's name or mail address are replaced in texts."""

import pytest

from loaders.removal.texts import ERASED, Texts
from reports.morning.names import clean_name, name_as_html

LONG = "The Very Long Name of Some Company with Many Words and a Suffix"
ODD = "Odd\tName & 'Sons' \u202e\"Ltd\""


@pytest.mark.parametrize(
    ("erased", "text", "expected"),
    [
        ("Blue Sky", "rejected: Blue Sky.", f"rejected: {ERASED}."),
        ("Blue Sky", '"Blue Sky"', f'"{ERASED}"'),
        ("Blue Sky", "log_Blue Sky_1", f"log_{ERASED}_1"),
        ("Blue Sky", r"a\nBlue Sky\nb", rf"a\n{ERASED}\nb"),
        ("Blue Sky", "blue sky", "blue sky"),
        # Part of a longer word, or of another org's name.
        ("Globe", "Globex and Globe", f"Globex and {ERASED}"),
        ("Globe", "InterGlobe Globe2", "InterGlobe Globe2"),
        ("Blue Sky", "Blue Sky Labs, Blue Sky", f"Blue Sky Labs, {ERASED}"),
        ("Blue Sky", "Blue Sky &amp; Co", "Blue Sky &amp; Co"),
        # Languages without upper and lower case write words without blanks.
        ("東京商事株式会社", "は東京商事株式会社の", f"は{ERASED}の"),
        # A key of JSON is no name.
        ("event", '{"event": "event", "b": 1}', f'{{"event": "{ERASED}", "b": 1}}'),
        ("event", r'"{\"event\": 1}"', r'"{\"event\": 1}"'),
        ("Event Inc", '{"Event Inc": 1}', f'{{"{ERASED}": 1}}'),
        # In other forms.
        ('A "B" <C>', r'{"m": "A \"B\" <C>"}', f'{{"m": "{ERASED}"}}'),
        ("Café au lait", r'{"m": "Caf\u00e9 au lait"}', f'{{"m": "{ERASED}"}}'),
        ("Two\nLines", "Two Lines", ERASED),
        (LONG, f"{LONG[:20].rstrip()}…", f"{ERASED}"),
        (LONG, f"{LONG[:19].rstrip()}…", f"{LONG[:19].rstrip()}…"),
        (LONG, clean_name(LONG), ERASED),
        (ODD, clean_name(ODD), ERASED),
        ("Tiny", "Tiny", "Tiny"),
        ("a@b.example", "to a@b.example;", f"to {ERASED};"),
        ("", "", ""),
    ],
)
def test_names_are_replaced_in_texts(erased: str, text: str, expected: str) -> None:
    texts = Texts([erased], kept=["Blue Sky Labs", "Blue Sky & Co"])
    assert texts.redact(text) == expected
    assert texts.redact(expected) == expected


@pytest.mark.parametrize("name", ["table", "class", "style", "color", LONG, ODD])
def test_pages_keep_their_markup(name: str) -> None:
    begin = '<style>table {color: red}</style><table class="style">'
    page = f"{begin}<td>{name_as_html(name)}</td></table>"
    expected = f"{begin}<td><bdi>{ERASED}</bdi></td></table>"
    assert Texts([name]).redact(page, is_html=True) == expected


def test_addresses_in_links_are_replaced() -> None:
    page = '<a href="mailto:a@b.example">a@b.example</a>'
    expected = f'<a href="mailto:{ERASED}">{ERASED}</a>'
    assert Texts(["a@b.example"]).redact(page, is_html=True) == expected
