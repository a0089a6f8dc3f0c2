"""Values and labels of fields as a user sees them."""

from decimal import Decimal
from typing import Any

from reports.console import printable
from tests.looker.lookml import Field

NO_VALUE = "∅"


def shown(value: Any, field: Field) -> str:  # noqa: ANN401 - any type of a column
    """Return a value as text, in the value format of its field."""
    if value is None:
        return NO_VALUE
    if not isinstance(value, (int, float, Decimal)) or isinstance(value, bool):
        return printable(str(value))
    name = field.lookml.get("value_format_name", "decimal_0")
    kind, _, digits = name.partition("_")
    if kind == "id":
        return str(value)
    if kind == "percent":
        return f"{100 * float(value):.{digits}f}%"
    if kind == "signed":
        return f"{float(value):+,.0f}" if value else "0"
    suffix = " s" if kind == "seconds" else ""
    return f"{float(value):,.{digits}f}{suffix}"


def label(field: Field) -> str:
    """Return a field's label, with the timeframe of a dimension group."""
    text = str(field.lookml["label"])
    return f"{text} {field.timeframe.title()}" if field.timeframe else text
