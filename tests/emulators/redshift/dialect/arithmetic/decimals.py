"""Precision and scale of decimals, by the guide's page `r_numeric_computations201`."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.emulators.redshift.dialect.tokens import (
    Group,
    Node,
    render,
    split_nodes,
)
from tests.emulators.redshift.dialect.types import read_type

MAX_PRECISION = 38
MAX_SCALE = 37
MIN_DIVISION_SCALE = 4
NUMERIC_OID = 1700
SAME_TYPE = {
    "abs", "any_value", "first_value", "lag", "last_value", "lead", "max", "min",
    "nth_value", "nullif",
}  # fmt: skip
COMMON_TYPE = {"coalesce", "greatest", "least"}
ROUNDING = {"round", "trunc", "ceil", "ceiling", "floor"}
TYPED_CALLS = {*SAME_TYPE, *COMMON_TYPE, *ROUNDING, "sum", "avg", "case"}


@dataclass(frozen=True)
class Number:
    """The type of a number that is not a float: a decimal or an integer."""

    precision: int
    scale: int
    is_integer: bool = False


SMALLINT, INTEGER, BIGINT = (Number(digits, 0, True) for digits in (5, 10, 19))
_BY_OID = {21: SMALLINT, 23: INTEGER, 20: BIGINT}
_BY_NAME = {
    "smallint": SMALLINT, "int2": SMALLINT, "integer": INTEGER, "int": INTEGER,
    "int4": INTEGER, "bigint": BIGINT, "int8": BIGINT,
}  # fmt: skip


def of_column(oid: int, modifier: int) -> Number | None:
    """Return the type of a column that PostgreSQL describes, None if it is unknown."""
    if oid == NUMERIC_OID and modifier >= 4:
        return Number((modifier - 4) >> 16, (modifier - 4) & 0x7FF)
    return _BY_OID.get(oid)


def of_literal(text: str) -> Number | None:
    """Return the type of a number in SQL."""
    if "e" in text.lower():
        return None
    whole, _, fraction = text.partition(".")
    digits = len(whole.lstrip("0")) + len(fraction)
    if "." in text:
        return Number(max(1, digits), len(fraction))
    if int(text) < 2**31:
        return INTEGER
    return BIGINT if int(text) < 2**63 else Number(digits, 0)


def of_type_name(nodes: list[Node], start: int) -> tuple[Number | None, int]:
    """Read the type's name at an index; return it and the index after it."""
    name = read_type(nodes, start)
    if name is None:
        return None, start
    if name.name == "numeric" and isinstance(name.length, Group):
        sizes = [render(part).strip() for part in split_nodes(name.length.items)]
        return Number(int(sizes[0]), int((*sizes, "0")[1])), name.end
    return _BY_NAME.get(name.name), name.end


def combine(operator: str, left: Number, right: Number) -> Number | None:
    """Return the type of `left operator right`, None if it is not defined."""
    if left.is_integer and right.is_integer:
        return max(left, right, key=lambda number: number.precision)
    scale = max(left.scale, right.scale)
    match operator:
        case "+" | "-":
            whole = max(left.precision - left.scale, right.precision - right.scale)
            return _limit(whole + 1 + scale, scale)
        case "*":
            return _limit(
                left.precision + right.precision + 1, left.scale + right.scale
            )
        case "/":
            return _divide(left, right)
    return None


def _divide(left: Number, right: Number) -> Number:
    scale = max(MIN_DIVISION_SCALE, left.scale + right.precision - right.scale + 1)
    precision = left.precision - left.scale + right.scale + scale
    if precision > MAX_PRECISION:
        scale = max(MAX_PRECISION + scale - precision, MIN_DIVISION_SCALE)
    return _limit(precision, scale)


def common(types: Sequence[Number | None]) -> Number | None:
    """Return the type of COALESCE, CASE and the like over these types."""
    known = [number for number in types if number is not None]
    if not known or len(known) < len(types):
        return None
    if all(number.is_integer for number in known):
        return max(known, key=lambda number: number.precision)
    scale = max(number.scale for number in known)
    return _limit(
        max(number.precision - number.scale for number in known) + scale, scale
    )


def of_call(
    name: str, types: Sequence[Number | None], arguments: list[Node]
) -> Number | None:
    """Return the type of a function's result by those of its arguments, or None."""
    first = types[0] if types else None
    if name in COMMON_TYPE:
        return common(types)
    if first is None:
        return None
    if name in SAME_TYPE:
        return first
    if name in ("sum", "avg") and not first.is_integer:
        return Number(MAX_PRECISION, first.scale)
    if name == "sum":
        return BIGINT
    if name in ROUNDING and not first.is_integer:
        return _rounded(first, split_nodes(arguments)[1:])
    return None


def _rounded(number: Number, digits: list[list[Node]]) -> Number | None:
    if not digits:
        return Number(max(1, number.precision - number.scale), 0)
    text = render(digits[0]).strip()
    if text.isdigit():
        return Number(number.precision, min(number.scale, int(text)))
    return None


def _limit(precision: int, scale: int) -> Number:
    return Number(min(precision, MAX_PRECISION), min(scale, MAX_SCALE))
