"""Salesforce ids: 15 characters that mind their case, or 18 that need not.

The last three of the 18 say which of the first 15 are capitals.
"""

import string
from functools import lru_cache

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
SUMS = string.ascii_uppercase + "012345"
SHORT, LONG = 15, 18
PREFIX_LENGTH = 3
POD = "5f0"
NUMBER_LENGTH = SHORT - PREFIX_LENGTH - len(POD)


def lengthen(short: str) -> str:
    """Return the 18 characters of a 15-character id."""
    return short + _sum(short[:5]) + _sum(short[5:10]) + _sum(short[10:])


@lru_cache(1 << 14)
def _sum(part: str) -> str:
    return SUMS[sum(1 << place for place in range(5) if "A" <= part[place] <= "Z")]


def make(prefix: str, number: int) -> str:
    """Return the 18-character id of the `number`th record of an object."""
    letters = []
    for _ in range(NUMBER_LENGTH):
        number, digit = divmod(number, len(DIGITS))
        letters.append(DIGITS[digit])
    return lengthen(prefix + POD + "".join(reversed(letters)))


def canonical(told: str) -> str | None:
    """Return the 18-character form of an id; None when it is none.

    An 18-character id in the wrong case is put right from its last three characters.
    """
    if not told.isascii() or not told.isalnum():
        return None
    if len(told) == SHORT:
        return lengthen(told)
    if len(told) != LONG:
        return None
    letters = []
    for place, letter in enumerate(told[:SHORT]):
        found = SUMS.find(told[SHORT + place // 5].upper())
        if found < 0:
            return None
        is_capital = found >> (place % 5) & 1
        letters.append(letter.upper() if is_capital else letter.lower())
    short = "".join(letters)
    return short + told[SHORT:].upper()
