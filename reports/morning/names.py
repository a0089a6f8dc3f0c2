"""Names as customers typed them, made harmless for a page, a mail and a text.

A name may hold markup, line breaks, marks that turn the direction of reading, a
spreadsheet's formula, or three hundred letters. What is shown keeps the letters.
"""

import re
import unicodedata

from markupsafe import Markup, escape

SHOWN_LETTERS = 48
NO_NAME = "(no name)"
ELLIPSIS = "…"
# What a spreadsheet takes for a formula when a table is pasted into it.
FORMULA_SIGNS = ("=", "+", "-", "@")
KEPT_FORMATS = {"\u200d", "\u200c"}  # they join emoji and letters of some scripts
RIGHT_TO_LEFT = ("R", "AL", "AN")
ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"


def clean(name: object, *, letters: int = SHOWN_LETTERS) -> str:
    """Return a name on one line without control characters, cut to `letters`."""
    text = "" if name is None else str(name)
    kept = (_kept(letter) for letter in text)
    text = re.sub(r"\s+", " ", "".join(kept)).strip()
    if not text:
        return NO_NAME
    if text.startswith(FORMULA_SIGNS):
        text = f"'{text}"
    return _cut(text, letters)


def as_html(name: object) -> Markup:
    """Return a name for a page: escaped, its direction kept to itself."""
    return Markup("<bdi>{}</bdi>").format(clean(name))


def as_text(name: object) -> str:
    """Return a name for plain text: isolated where it reads from the right."""
    text = clean(name)
    if any(unicodedata.bidirectional(letter) in RIGHT_TO_LEFT for letter in text):
        return f"{ISOLATE}{text}{END_OF_ISOLATE}"
    return text


def on_one_line(text: object, *, letters: int = 400) -> str:
    """Return a message's text as one line of bounded length."""
    kept = "".join(_kept(letter) for letter in str(text))
    return _cut(re.sub(r"\s+", " ", kept).strip(), letters)


def breakable(text: object) -> Markup:
    """Return an identifier for a page, with places where its line may break."""
    return Markup("_<wbr>").join(escape(part) for part in str(text).split("_"))


def _kept(letter: str) -> str:
    category = unicodedata.category(letter)
    if category in ("Zl", "Zp") or letter in "\t\n\r\x0b\x0c\x85":
        return " "
    if category in ("Cc", "Cs", "Co", "Cn"):
        return ""
    return "" if category == "Cf" and letter not in KEPT_FORMATS else letter


def _cut(text: str, letters: int) -> str:
    if len(text) <= letters:
        return text
    cut = text[: letters - 1]
    # Not within what is read as one letter.
    while cut and (
        text[len(cut)] in KEPT_FORMATS or unicodedata.combining(text[len(cut)])
    ):
        cut = cut[:-1]
    while cut and cut[-1] in KEPT_FORMATS:
        cut = cut[:-1]
    return cut.rstrip() + ELLIPSIS
