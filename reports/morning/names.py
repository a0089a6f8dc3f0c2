"""Customer-supplied names and messages, made safe for HTML, mail and plain text.

A name may contain markup, line breaks, bidirectional control characters, a spreadsheet
formula, or hundreds of characters.
"""

import unicodedata

from markupsafe import Markup, escape

from loaders.one_line import cut, one_line

MAX_NAME_LENGTH = 48
MAX_MESSAGE_LENGTH = 400
NO_NAME = "(no name)"
# A spreadsheet reads a pasted cell that starts with one of these as a formula.
FORMULA_PREFIXES = ("=", "+", "-", "@")
RIGHT_TO_LEFT_CLASSES = ("R", "AL", "AN")
ISOLATE_START, ISOLATE_END = "\u2068", "\u2069"


def clean_name(name: object) -> str:
    """Return a name on one line, without control characters, cut to a fixed length."""
    text = single_line("" if name is None else name, max_length=None)
    if not text:
        return NO_NAME
    if text.startswith(FORMULA_PREFIXES):
        text = f"'{text}"
    return cut(text, MAX_NAME_LENGTH)


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
    line = one_line(text)
    return line if max_length is None else cut(line, max_length)


def breakable(text: object) -> Markup:
    """Return an identifier for HTML that may wrap after each underscore."""
    return Markup("_<wbr>").join(escape(part) for part in str(text).split("_"))
