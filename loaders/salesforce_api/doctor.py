"""Check whether the mart's values fit the Salesforce object.

It compares the mapping with the object's description and counts, in the warehouse, the
values that would be rejected. Run it before the first sync and after every change to
the mart or the object. It writes nothing.
"""

from dataclasses import dataclass

from loaders import warehouse
from loaders.config.salesforce_mapping import Field, Mapping
from loaders.config.settings import Salesforce as Settings
from loaders.errors import ConfigError
from loaders.salesforce_api import client, preflight
from loaders.salesforce_api.preflight import Destination
from loaders.salesforce_api.values import NULL_MARKER
from loaders.warehouse import Connection, identifier
from loaders.warehouse.relations import list_relations

FIX_VALUES = "These rows would be rejected. Fix the model or widen the field."
FIX_KEYS = "These rows would be rejected. Make the key unique, ignoring case."


@dataclass(frozen=True)
class Finding:
    """One problem: the field or object, what is wrong, in how many rows, what to do.

    `rows` is None when the problem is not about values.
    """

    subject: str
    problem: str
    next_step: str
    rows: int | None = None


@dataclass(frozen=True)
class _Check:
    """A SQL condition that is true for rows whose value does not fit."""

    field: Field
    problem: str
    condition: str
    parameters: tuple[object, ...] = ()


def check(mapping: Mapping, settings: Settings) -> list[Finding]:
    """Return everything that would stop a sync or cause rejects; [] if all is fine.

    Raises `NightshiftError` only when Salesforce or the warehouse is unreachable.
    """
    connection = client.connect(settings)
    findings: list[Finding] = []
    destination: Destination | None = None
    try:
        destination = preflight.check(
            connection, mapping, expect_sandbox=settings.expect_sandbox
        )
    except ConfigError as error:
        findings.append(
            Finding(mapping.object, str(error), "Correct the object or the mapping.")
        )
    finally:
        connection.close()
    if destination:
        findings += [
            Finding(mapping.object, warning, "Check whether this is intended.")
            for warning in destination.warnings
        ]
    with warehouse.session() as session:
        return findings + _mart_findings(session, mapping, destination)


def _mart_findings(
    connection: Connection, mapping: Mapping, destination: Destination | None
) -> list[Finding]:
    existing = _existing_columns(connection, mapping)
    if not existing:
        return [
            Finding(
                mapping.model,
                "the mart is not built yet, so no values were checked",
                "Run `nightshift run` or `dbt run`, then run this check again.",
            )
        ]
    missing = [field for field in mapping.fields if field.column not in existing]
    findings = [
        Finding(
            field.column,
            f"the mapping has this column, but {mapping.model} does not",
            "Rebuild the mart, or remove the column from the mapping.",
        )
        for field in missing
    ]
    return findings + _value_findings(connection, mapping, destination, missing=missing)


def _existing_columns(connection: Connection, mapping: Mapping) -> set[str]:
    schema = connection.schema("marts").strip('"')
    if (schema, mapping.model) not in list_relations(connection):
        return set()
    table = connection.table("marts", mapping.model)
    columns = connection.columns(
        f"-- loaders.salesforce_api.doctor columns\nselect * from {table}"
    )
    return {name for name, _ in columns}


def _value_findings(
    connection: Connection,
    mapping: Mapping,
    destination: Destination | None,
    *,
    missing: list[Field],
) -> list[Finding]:
    """Count the values that would be rejected, in one pass over the mart."""
    picklists = destination.picklists if destination else {}
    checks = [
        check
        for field in mapping.fields
        if field not in missing
        for check in _field_checks(field, mapping, picklists)
    ]
    key = identifier(mapping.key.column)
    folded_key = (
        key if destination and destination.is_key_case_sensitive else f"lower({key})"
    )
    counts = ", ".join(
        f"coalesce(sum(case when {check.condition} then 1 else 0 end), 0)"
        for check in checks
    )
    row = connection.fetch_one(
        f"-- loaders.salesforce_api.doctor {mapping.model}\n"
        f"select count({key}) - count(distinct {folded_key}), {counts} "
        f"from {connection.table('marts', mapping.model)}",
        [value for check in checks for value in check.parameters],
    )
    if row is None:
        return []
    findings = [
        Finding(check.field.name, check.problem, FIX_VALUES, int(count))
        for check, count in zip(checks, row[1:], strict=True)
        if count
    ]
    if row[0]:
        problem = "keys that Salesforce treats as equal"
        findings.append(Finding(mapping.key.name, problem, FIX_KEYS, int(row[0])))
    return findings


def _field_checks(
    field: Field, mapping: Mapping, picklists: dict[str, frozenset[str]]
) -> list[_Check]:
    column = identifier(field.column)
    checks = []
    if field.name == mapping.external_id:
        blank = f"{column} is null or trim({column}) = ''"
        checks.append(_Check(field, "blank keys", blank))
    if field.type == "text":
        if field.too_long == "reject":
            checks.append(
                _Check(
                    field,
                    f"text values longer than {field.length} characters",
                    f"length({column}) > ?",
                    (field.length,),
                )
            )
        checks.append(
            _Check(
                field,
                "text values equal to #N/A, which would clear the field",
                f"{column} = ?",
                (NULL_MARKER,),
            )
        )
        if field.name in picklists:
            values = sorted(picklists[field.name])
            placeholders = ", ".join("?" for _ in values) or "null"
            checks.append(
                _Check(
                    field,
                    "values that are not in the picklist",
                    f"{column} is not null and {column} not in ({placeholders})",
                    tuple(values),
                )
            )
    if field.is_numeric and field.whole_digits is not None:
        checks.append(
            _Check(
                field,
                f"numbers with more than {field.whole_digits} digits before the "
                "decimal point",
                f"({column} <= -{10**field.whole_digits}"
                f" or {column} >= {10**field.whole_digits})",
            )
        )
        if field.scale == 0:
            fraction = f"{column} != floor({column})"
            checks.append(_Check(field, "numbers with a fractional part", fraction))
    if field.type == "checkbox" and field.nulls == "clear":
        checks.append(_Check(field, "empty checkboxes", f"{column} is null"))
    return checks
