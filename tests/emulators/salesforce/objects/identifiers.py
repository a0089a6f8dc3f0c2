"""Salesforce ids: 15 case-sensitive or 18 case-insensitive characters.

The last three characters of the long form encode which of the first 15 are upper case.
"""

import string
from functools import lru_cache

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
CHECKSUM_CHARACTERS = string.ascii_uppercase + "012345"
SHORT_LENGTH, LONG_LENGTH = 15, 18
PREFIX_LENGTH = 3
POD = "5f0"
NUMBER_LENGTH = SHORT_LENGTH - PREFIX_LENGTH - len(POD)


def to_long_id(short_id: str) -> str:
    """Return the 18-character form of a 15-character id."""
    parts = (short_id[:5], short_id[5:10], short_id[10:])
    return short_id + "".join(_checksum(part) for part in parts)


@lru_cache(1 << 14)
def _checksum(part: str) -> str:
    upper_case_bits = sum(1 << bit for bit in range(5) if "A" <= part[bit] <= "Z")
    return CHECKSUM_CHARACTERS[upper_case_bits]


def make_id(prefix: str, number: int) -> str:
    """Return the 18-character id of the record with this number."""
    digits = []
    for _ in range(NUMBER_LENGTH):
        number, digit = divmod(number, len(DIGITS))
        digits.append(DIGITS[digit])
    return to_long_id(prefix + POD + "".join(reversed(digits)))


def canonical(text: str) -> str | None:
    """Return the 18-character form of an id, or None if `text` is not an id.

    The case of an 18-character id is restored from its last three characters.
    """
    if not text.isascii() or not text.isalnum():
        return None
    if len(text) == SHORT_LENGTH:
        return to_long_id(text)
    if len(text) != LONG_LENGTH:
        return None
    characters = []
    for index, character in enumerate(text[:SHORT_LENGTH]):
        checksum = text[SHORT_LENGTH + index // 5].upper()
        upper_case_bits = CHECKSUM_CHARACTERS.find(checksum)
        if upper_case_bits < 0:
            return None
        is_upper_case = upper_case_bits >> (index % 5) & 1
        characters.append(character.upper() if is_upper_case else character.lower())
    return "".join(characters) + text[SHORT_LENGTH:].upper()
