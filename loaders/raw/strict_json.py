"""Strict JSON (RFC 8259), with the rules that Python's own parser does not enforce.

Rejects a key that is given twice in one object, numbers outside the range of a double,
lone surrogates, NaN and Infinity, and deep nesting.
"""

import json
import math
import re
import sys
from typing import Any, NoReturn

from loaders.raw.rules import KEY_GIVEN_TWICE, MAX_DEPTH, NOT_A_JSON_OBJECT, TOO_DEEP

# Python's parser and writer recurse once or twice for each level of nesting.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 6 * MAX_DEPTH))

SAFE_INTEGER_DIGITS = 300  # the range of a double ends at 1.8e308
SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
TOKEN = re.compile(
    r"""[ \t\r]*(?:
      (?P<mark>[{}\[\],:])
    | (?P<string>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")
    | (?P<scalar>true|false|null
        | -?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)
    )""",
    re.VERBOSE,
)
WHITE = " \t\r"
CLOSING = {"{": "}", "[": "]"}


class InvalidRecordError(ValueError):
    """A line is not a valid record; `reason` is one of the reject reasons."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NegativeZero(int):
    """The number `-0`, which equals 0 but is not a whole number of the contract."""


class _KeyGivenTwiceError(ValueError):
    pass


def parse_object(text: str) -> dict[str, Any]:
    """Return the JSON object in `text`, with Python's values; `-0` is `NegativeZero`.

    Raises `InvalidRecordError` with the first reason that applies.
    """
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _check_nesting(text)
    try:
        try:
            value = _DECODER.decode(text)
        except _KeyGivenTwiceError:
            _require_object(_LENIENT_DECODER.decode(text), text)
            raise InvalidRecordError(KEY_GIVEN_TWICE) from None
        return _require_object(value, text)
    except InvalidRecordError:
        raise
    except ValueError as error:
        raise InvalidRecordError(NOT_A_JSON_OBJECT) from error


def dumps(value: object) -> str:
    """Return the value as compact JSON text, characters outside ASCII as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _require_object(value: object, text: str) -> dict[str, Any]:
    if SURROGATE_ESCAPE.search(text):
        dumps(value).encode()  # UnicodeEncodeError for a lone surrogate
    if not isinstance(value, dict):
        raise InvalidRecordError(NOT_A_JSON_OBJECT)
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _KeyGivenTwiceError
    return values


def _integer(digits: str) -> int:
    if digits == "-0":
        return NegativeZero()
    if len(digits) > SAFE_INTEGER_DIGITS:
        _number(digits)
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("outside the range of a double")
    return number


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_NUMBERS: dict[str, Any] = {
    "parse_int": _integer,
    "parse_float": _number,
    "parse_constant": _not_json,
}
_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, **_NUMBERS)
_LENIENT_DECODER = json.JSONDecoder(**_NUMBERS)


def _check_nesting(text: str) -> None:
    """Raise `InvalidRecordError` if the text is nested too deep.

    Does not recurse, so no text can exhaust the stack. Checks the whole text first,
    because the reasons of invalid JSON and of a key given twice come first.
    """
    open_marks: list[str] = []
    keys: list[set[str]] = []  # of each open array or object
    depth, is_key_twice = 0, False
    expected = "value"
    position, end = 0, len(text.rstrip(WHITE))
    while position < end:
        token = TOKEN.match(text, position)
        if token is None:
            raise InvalidRecordError(NOT_A_JSON_OBJECT)
        position, mark = token.end(), token["mark"]
        if mark in CLOSING and expected in ("value", "value or ]"):
            open_marks.append(mark)
            keys.append(set())
            depth = max(depth, len(open_marks))
            expected = "value or ]" if mark == "[" else "key or }"
        elif (
            mark in CLOSING.values()
            and expected in (", or close", "value or ]", "key or }")
            and mark == CLOSING[open_marks[-1]]
        ):
            open_marks.pop()
            keys.pop()
            expected = ", or close" if open_marks else "end"
        elif mark == "," and expected == ", or close":
            expected = "key" if open_marks[-1] == "{" else "value"
        elif mark == ":" and expected == ":":
            expected = "value"
        elif token["string"] and expected in ("key", "key or }"):
            key = _leaf(token["string"])
            is_key_twice |= key in keys[-1]
            keys[-1].add(str(key))
            expected = ":"
        elif not mark and expected in ("value", "value or ]"):
            _leaf(token["string"] or token["scalar"])
            expected = ", or close" if open_marks else "end"
        else:
            raise InvalidRecordError(NOT_A_JSON_OBJECT)
    if expected != "end" or not text.lstrip(WHITE).startswith("{"):
        raise InvalidRecordError(NOT_A_JSON_OBJECT)
    if depth > MAX_DEPTH:
        raise InvalidRecordError(KEY_GIVEN_TWICE if is_key_twice else TOO_DEEP)


def _leaf(text: str) -> object:
    """Return the value of a string, number or constant."""
    try:
        value = _DECODER.decode(text)
        dumps(value).encode()
    except ValueError as error:
        raise InvalidRecordError(NOT_A_JSON_OBJECT) from error
    return value
