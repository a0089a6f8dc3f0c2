"""Customer-supplied names and messages, made safe for HTML, mail and plain text.

A name may contain markup, line breaks, bidirectional control characters, a spreadsheet
formula, or hundreds of characters.
"""

import re
import unicodedata

from markupsafe import Markup, escape

MAX_NAME_LENGTH = 48
MAX_MESSAGE_LENGTH = 400
NO_NAME = "(no name)"
ELLIPSIS = "…"
# A spreadsheet reads a pasted cell that starts with one of these as a formula.
FORMULA_PREFIXES = ("=", "+", "-", "@")
JOINERS = {"\u200d", "\u200c"}  # parts of emoji and of words in some scripts
RIGHT_TO_LEFT_CLASSES = ("R", "AL", "AN")
ISOLATE_START, ISOLATE_END = "\u2068", "\u2069"


def clean_name(name: object) -> str:
    """Return a name on one line, without control characters, cut to a fixed length."""
    text = single_line("" if name is None else name, max_length=None)
    if not text:
        return NO_NAME
    if text.startswith(FORMULA_PREFIXES):
        text = f"'{text}"
    return _truncate(text, MAX_NAME_LENGTH)


def name_as_html(name: object) -> Markup:
    """Return a name for HTML: escaped, with its text direction isolated."""
    return Markup("<bdi>{}</bdi>").format(clean_name(name))


def name_as_text(name: object) -> str:
    """Return a name for plain text, with right-to-left text isolated."""
    text = clean_name(name)
    if any(
        unicodedata.bidirectional(character) in RIGHT_TO_LEFT_CLASSES
        for character in text
    ):
        return f"{ISOLATE_START}{text}{ISOLATE_END}"
    return text


def single_line(text: object, max_length: int | None = MAX_MESSAGE_LENGTH) -> str:
    """Return a text on one line without control characters, cut to `max_length`."""
    safe = "".join(_safe_character(character) for character in str(text))
    line = re.sub(r"\s+", " ", safe).strip()
    return line if max_length is None else _truncate(line, max_length)


def breakable(text: object) -> Markup:
    """Return an identifier for HTML that may wrap after each underscore."""
    return Markup("_<wbr>").join(escape(part) for part in str(text).split("_"))


def _safe_character(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Zl", "Zp") or character in "\t\n\r\x0b\x0c\x85":
        return " "
    if category in ("Cc", "Cs", "Co", "Cn"):
        return ""
    return "" if category == "Cf" and character not in JOINERS else character


def _truncate(text: str, max_length: int) -> str:
    if len(text) <= max_length:
        return text
    cut = text[: max_length - 1]
    # Never cut inside a grapheme: before a combining character or a joiner.
    while cut and (text[len(cut)] in JOINERS or unicodedata.combining(text[len(cut)])):
        cut = cut[:-1]
    while cut and cut[-1] in JOINERS:
        cut = cut[:-1]
    return cut.rstrip() + ELLIPSIS
