"""The text rules as a table: a raw line, and the row or the reject that it becomes.

The expected values are written by hand from the data contract. Both engines must
return them.
"""

from tests.loaders.text_rules import (
    encoding,
    json_syntax,
    json_values,
    requests,
    timestamps,
)
from tests.loaders.text_rules.case import Case

__all__ = ["Case", "cases"]


def cases() -> list[Case]:
    """Return all cases."""
    return [
        *encoding.json_cases(),
        *encoding.log_cases(),
        *json_syntax.syntax_cases(),
        *json_syntax.missing_key_cases(),
        *json_values.integer_cases(),
        *json_values.text_cases(),
        *json_values.boolean_cases(),
        *json_values.json_column_cases(),
        *timestamps.timestamp_cases(),
        *requests.log_format_cases(),
    ]
