"""The rules for raw records that both warehouses share: limits, reasons of rejects."""

from loaders.warehouse.declared_tables import Table

MAX_LINE_BYTES = 65_535  # varchar(max), what COPY takes as one column
KEPT_CHARACTERS = 4_096  # of a rejected line

INVALID_UTF8 = "invalid UTF-8"
TOO_LONG = f"longer than {MAX_LINE_BYTES} bytes"
NOT_A_JSON_OBJECT = "not a JSON object"
NOT_COMBINED_LOG = "not in combined log format"
INVALID_USER = "authuser is neither - nor a whole number"
INVALID_TIMESTAMP = "invalid timestamp"
INVALID_BYTES = "bytes is not a bigint"


def key_reasons(table: Table) -> list[str]:
    """Return SQL branches for keys that are missing or have the wrong type.

    They read the columns `text_KEY`, null when the key is absent, and `KEY`, null when
    its text cannot become the column's type.
    """
    reasons = []
    for column in table.keys:
        if column.is_required:
            reasons.append(
                f"when text_{column.name} is null then '{column.name} is missing'"
            )
        reasons.append(
            f'when "{column.name}" is null and text_{column.name} is not null '
            f"then '{column.name} is not {column.kind}'"
        )
    return reasons
