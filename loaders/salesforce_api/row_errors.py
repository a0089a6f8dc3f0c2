"""Errors of single rows: which are transient, permanent, or neither, and the remedy.

This is the one place that decides it. A row with a transient error is sent again by the
same sync. A permanent error is caused by the row's own values, so that Salesforce would
reject it every time: it counts once, until these values, the mapping or a field change.
All other errors, such as a lacking permission, count in every sync.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from loaders.config.salesforce_mapping import Mapping
from loaders.ledger.salesforce import OUTCOME_UNKNOWN

UNPROCESSED = "UNPROCESSED"
# Codes of rows that are sent again. A flow or a trigger reports a lock that it met in
# the message of its own error.
TRANSIENT_CODES = {
    OUTCOME_UNKNOWN,
    UNPROCESSED,
    "UNABLE_TO_LOCK_ROW",
    "TooManyLockFailure",
    "TOO_MANY_LOCK_FAILURE",
    "Timeout",
    "SERVER_UNAVAILABLE",
    "REQUEST_RUNNING_TOO_LONG",
    "QUERY_TIMEOUT",
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
}
LOCK_IN_MESSAGE = "UNABLE_TO_LOCK_ROW[,:]|unable to obtain exclusive access"
# An object or a field that the describe result had, but that is gone or hidden now.
SCHEMA_IN_MESSAGE = (
    "No such column|Field name not found|Unable to create/update fields"
    "|sObject type .* is not supported"
)
RETRIED_MESSAGES = f"{LOCK_IN_MESSAGE}|{SCHEMA_IN_MESSAGE}"

_SHORTEN = (
    "Shorten the text in the product, or make the field longer in Salesforce and in the"
    " mapping (length)"
)
_RENAME = "Replace the text #N/A in the product, because Salesforce reads it as empty"
_NUMBER = (
    "Correct the number in the product, or allow more digits in Salesforce and in the"
    " mapping (precision, scale)"
)
_TYPE = "Correct the value in the product, or the field's type in the mapping"
_KEY = "Give the row a key of its own in the product"
_PICKLIST = "Add the value to the picklist in Salesforce, or correct it in the product"
_RULE = "Correct the value in the product, or change the rule in Salesforce"
_DUPLICATE = "Merge or correct the duplicate records in Salesforce"
_REFERENCE = "Correct the reference in the product, or create its record in Salesforce"
_REQUIRED = "Fill the field in the product, or do not require it in Salesforce"
_AUTOMATION = "Have the flow or trigger in Salesforce corrected, or the row's values"
# The remedy for each permanent error: first those of our own rendering.
REMEDIES = {
    "NULL_MARKER_TEXT": _RENAME,
    "TOO_LONG": _SHORTEN,
    "TOO_LARGE": _NUMBER,
    "NOT_A_NUMBER": _NUMBER,
    "NOT_WHOLE": _NUMBER,
    "NOT_UNICODE": _TYPE,
    "WRONG_TYPE": _TYPE,
    "OUT_OF_RANGE": _TYPE,
    "NO_ZONE": _TYPE,
    "NULL_CHECKBOX": _TYPE,
    "BLANK_KEY": _KEY,
    "DUPLICATE_KEY": _KEY,
    "STRING_TOO_LONG": _SHORTEN,
    "STRING_TOO_SHORT": _RULE,
    "INVALID_FIELD": _TYPE,
    "INVALID_TYPE_ON_FIELD_IN_RECORD": _TYPE,
    "INVALID_EMAIL_ADDRESS": _TYPE,
    "NUMBER_OUTSIDE_VALID_RANGE": _NUMBER,
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": _PICKLIST,
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": _RULE,
    "FIELD_FILTER_VALIDATION_EXCEPTION": _RULE,
    "FIELD_INTEGRITY_EXCEPTION": _RULE,
    "REQUIRED_FIELD_MISSING": _REQUIRED,
    "MISSING_ARGUMENT": _KEY,
    "DUPLICATE_VALUE": _DUPLICATE,
    "DUPLICATE_EXTERNAL_ID": _DUPLICATE,
    "DUPLICATES_DETECTED": _DUPLICATE,
    "INVALID_CROSS_REFERENCE_KEY": _REFERENCE,
    "MALFORMED_ID": _REFERENCE,
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": _AUTOMATION,
    "CANNOT_EXECUTE_FLOW_TRIGGER": _AUTOMATION,
}
# The properties of a described field that decide which values it accepts.
VALUE_PROPERTIES = (
    *("type", "length", "precision", "scale", "digits", "nillable", "unique"),
    *("caseSensitive", "restrictedPicklist", "picklistValues"),
)
VERSION_BYTES = 6
NO_REMEDY = "Correct the cause in Salesforce"


def fields_version(mapping: Mapping, descriptions: dict[str, dict[str, Any]]) -> str:
    """Return a hash of everything that decides which values the fields accept."""
    fields = [
        [descriptions[item.name.lower()].get(name) for name in VALUE_PROPERTIES]
        for item in mapping.fields
    ]
    text = json.dumps(fields, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=VERSION_BYTES).hexdigest()


def is_permanent(code: str) -> bool:
    """Return whether the row's own values cause the error."""
    return code in REMEDIES


def remedy(code: str) -> str:
    """Return what to do about an error, without a full stop."""
    return REMEDIES.get(code, NO_REMEDY)


def transient_sql(code: str, message: str) -> str:
    """Return the SQL of whether an error is transient."""
    return (
        f"({code} in ({_listed(TRANSIENT_CODES)})"
        f" or coalesce(regexp_matches({message}, '{RETRIED_MESSAGES}'), false))"
    )


def cause_sql(code: str, fields: str, message: str, payload: str) -> str:
    """Return the SQL of the hash of what causes a permanent error, '' for others.

    That is the code with the values of the fields that it names. If it names none, the
    message takes their place, without its words that have digits: numbers, ids, times.
    """
    pointer = "'/' || replace(replace(name, '~', '~0'), '/', '~1')"
    values = (
        f"list_transform(list_sort(string_split({fields}, ',')),"
        f" lambda name: [name, coalesce({payload} ->> ({pointer}), '')])"
    )
    words = rf"regexp_replace({message}, '\S*\d\S*', '', 'g')"
    cause = f"case when {fields} = '' then {words} else cast({values} as varchar) end"
    return (
        f"case when {code} in ({_listed(REMEDIES)})"
        f" then sha256({code} || chr(10) || {cause}) else '' end"
    )


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(f"'{code}'" for code in sorted(codes))
