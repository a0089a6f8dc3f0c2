"""Texts of customers on one line: how pages, mails and logs show them."""

import re
import unicodedata

ELLIPSIS = "…"
JOINERS = {"\u200d", "\u200c"}  # parts of emoji and of words in some scripts


def one_line(text: object) -> str:
    """Return a text on one line without control characters."""
    safe = "".join(_safe_character(character) for character in str(text))
    return re.sub(r"\s+", " ", safe).strip()


def cut(text: str, max_length: int) -> str:
    """Return the text, cut to `max_length` characters with an ellipsis if longer."""
    if len(text) <= max_length:
        return text
    short = text[: max_length - 1]
    # Never cut inside a grapheme: before a combining character or a joiner.
    while short and _continues(text[len(short)]):
        short = short[:-1]
    while short and short[-1] in JOINERS:
        short = short[:-1]
    return short.rstrip() + ELLIPSIS


def _continues(character: str) -> bool:
    """Return whether the character belongs to the one before it."""
    return character in JOINERS or bool(unicodedata.combining(character))


def _safe_character(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Zl", "Zp") or character in "\t\n\r\x0b\x0c\x85":
        return " "
    if category in ("Cc", "Cs", "Co", "Cn"):
        return ""
    return "" if category == "Cf" and character not in JOINERS else character
