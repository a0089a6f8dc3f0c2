"""The field doctor: would the mart fit into the object, value by value.

Compares the mapping with the object's description and counts, by SQL in the
warehouse, the values that would be refused. For the time before the first night, and
after every change of mart or object. Nothing is written.
"""

from dataclasses import dataclass

from loaders import warehouse
from loaders.config.settings import Salesforce as Settings
from loaders.errors import ConfigError
from loaders.salesforce import client, preflight
from loaders.salesforce.mapping import Field, Mapping
from loaders.salesforce.policy import SyncPolicy
from loaders.salesforce.preflight import Destination
from loaders.salesforce.rendering import NULL_MARKER
from loaders.warehouse import Connection, identifier


@dataclass(frozen=True)
class Finding:
    """Something to mend: what it is about, what is wrong, in how many rows, and how.

    `rows` is None when the finding is not about values.
    """

    subject: str
    problem: str
    next_step: str
    rows: int | None = None


@dataclass(frozen=True)
class _Check:
    """A condition in SQL that holds for rows whose value does not fit."""

    field: Field
    problem: str
    condition: str
    parameters: tuple[object, ...] = ()


def check(
    mapping: Mapping, settings: Settings, *, policy: SyncPolicy | None = None
) -> list[Finding]:
    """Return everything that would stop a sync or have rows refused; [] is healthy.

    Raises only what says that Salesforce or the warehouse cannot be asked.
    """
    policy = policy or SyncPolicy()
    connection = client.connect(settings, policy.patience)
    findings: list[Finding] = []
    destination: Destination | None = None
    try:
        destination = preflight.check(
            connection, mapping, expect_sandbox=settings.expect_sandbox
        )
    except ConfigError as error:
        findings.append(
            Finding(mapping.object, str(error), "Mend the object or the mapping.")
        )
    finally:
        connection.close()
    if destination:
        findings += [
            Finding(mapping.object, warning, "Decide whether that is meant.")
            for warning in destination.warnings
        ]
    with warehouse.session() as session:
        return findings + _mart_findings(session, mapping, destination)


def _mart_findings(
    connection: Connection, mapping: Mapping, destination: Destination | None
) -> list[Finding]:
    existing = _columns(connection, mapping)
    if not existing:
        return [
            Finding(
                mapping.model,
                "the mart is not built yet, so no values were counted",
                "Run a night, or `dbt run`, then this again.",
            )
        ]
    absent = [field for field in mapping.fields if field.column not in existing]
    findings = [
        Finding(
            field.column,
            f"the mapping has it, {mapping.model} does not",
            "Build the mart again, or take it out of the mapping.",
        )
        for field in absent
    ]
    return findings + _misfits(connection, mapping, destination, absent=absent)


def _columns(connection: Connection, mapping: Mapping) -> set[str]:
    rows = connection.fetch_all(
        "-- loaders.salesforce.doctor columns\n"
        "select column_name from information_schema.columns "
        "where table_schema = ? and table_name = ?",
        [connection.schema("marts").strip('"'), mapping.model],
    )
    return {name for (name,) in rows}


def _misfits(
    connection: Connection,
    mapping: Mapping,
    destination: Destination | None,
    *,
    absent: list[Field],
) -> list[Finding]:
    """Count, in one pass over the mart, the values that would be refused."""
    picklists = destination.picklists if destination else {}
    checks = [
        found
        for field in mapping.fields
        if field not in absent
        for found in _checks(field, mapping, picklists)
    ]
    key = identifier(mapping.key.column)
    folded = (
        key if destination and destination.is_key_case_sensitive else f"lower({key})"
    )
    counts = ", ".join(
        f"coalesce(sum(case when {item.condition} then 1 else 0 end), 0)"
        for item in checks
    )
    row = connection.fetch_one(
        f"-- loaders.salesforce.doctor {mapping.model}\n"
        f"select count({key}) - count(distinct {folded}), {counts} "
        f"from {connection.table('marts', mapping.model)}",
        [value for item in checks for value in item.parameters],
    )
    if row is None:
        return []
    findings = [
        Finding(
            item.field.name,
            item.problem,
            "These rows would be refused; mend the model, or widen the field.",
            int(count),
        )
        for item, count in zip(checks, row[1:], strict=True)
        if count
    ]
    if row[0]:
        findings.append(
            Finding(
                mapping.key.name,
                "keys that Salesforce cannot tell apart",
                "These rows would be refused; make the key unique, also without case.",
                int(row[0]),
            )
        )
    return findings


def _checks(
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
                    f"texts longer than {field.length} characters",
                    f"length({column}) > ?",
                    (field.length,),
                )
            )
        checks.append(
            _Check(field, "the text #N/A itself", f"{column} = ?", (NULL_MARKER,))
        )
        if field.name in picklists:
            values = sorted(picklists[field.name])
            marks = ", ".join("?" for _ in values) or "null"
            checks.append(
                _Check(
                    field,
                    "values that the picklist does not have",
                    f"{column} is not null and {column} not in ({marks})",
                    tuple(values),
                )
            )
    if field.is_numeric and field.whole_digits is not None:
        checks.append(
            _Check(
                field,
                f"numbers of more than {field.whole_digits} digits before the point",
                f"abs({column}) >= {10**field.whole_digits}",
            )
        )
        if field.scale == 0:
            fraction = f"{column} != floor({column})"
            checks.append(_Check(field, "numbers with a fraction", fraction))
    if field.type == "checkbox" and field.nulls == "clear":
        checks.append(_Check(field, "empty checkboxes", f"{column} is null"))
    return checks
