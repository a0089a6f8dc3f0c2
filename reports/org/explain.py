"""Trace one org on one data date, from its raw records to its Salesforce record.

The trace only reads. It queries Salesforce once; when that fails, the trace contains
the reason instead of the record.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from loaders import ledger, warehouse
from loaders.config import settings
from loaders.config.dbt_project import project_vars
from loaders.config.salesforce_mapping import SALESFORCE_MODEL, Mapping
from loaders.config.salesforce_mapping import load as load_mapping
from loaders.config.salesforce_policy import RetryPolicy
from loaders.errors import ConfigError, NightshiftError
from loaders.ledger.salesforce import Event, read_history
from loaders.salesforce_api import client as salesforce_client
from loaders.salesforce_api import records as salesforce_records
from loaders.warehouse import Connection
from reports.org import queries as org_queries
from reports.org import raw_records
from reports.org.queries import AttainmentTerm, Record
from reports.org.raw_records import RawPartition, Reject

SINGLE_ATTEMPT = RetryPolicy(
    attempts=1, connect_timeout_seconds=5, read_timeout_seconds=30
)


@dataclass(frozen=True)
class SalesforceTrace:
    """One org in Salesforce: values exported, accepted, and in its record now.

    `accepted` has the latest accepted value of each field. `current` is None when
    there is no record or the query failed; `message` gives the reason.
    """

    exported: Record | None
    accepted: dict[str, str | None]
    history: tuple[Event, ...]
    current: Record | None
    message: str
    differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class OrgTrace:
    """One org on one data date.

    `absence_reason` is why the org has no trial metrics on the data date, or ''.
    `partitions` are the first and last `dt` of the raw records.
    """

    org_id: int
    data_date: date
    account: Record
    absence_reason: str
    partitions: tuple[date, date]
    raw_partitions: tuple[RawPartition, ...]
    rejects: tuple[Reject, ...]
    activity: Record | None
    org_days: tuple[Record, ...]
    trial_metrics: Record | None
    attainment_terms: tuple[AttainmentTerm, ...]
    interesting_trial: Record | None
    salesforce: SalesforceTrace

    @property
    def attainment(self) -> float | None:
        """The mean of the terms' shares; None when no term has one."""
        shares = [
            term.share for term in self.attainment_terms if term.share is not None
        ]
        return sum(shares) / len(shares) if shares else None


def trace_org(org_id: int, data_date: date, *, env: str, version: str) -> OrgTrace:
    """Collect an org's trace; `ConfigError` for an unknown org or unbuilt data date."""
    if not warehouse.exists():
        raise _no_finished_run(data_date)
    mapping = load_mapping(model=SALESFORCE_MODEL)
    variables = project_vars()
    with warehouse.session() as connection:
        _require_built(connection, data_date, env=env, version=version)
        account = org_queries.read_account(connection, org_id, until=data_date)
        if account is None:
            raise ConfigError(
                f"Org {org_id} is in no export of orgs up to {data_date}. "
                "Look up its org_id by org_name in marts.org_activity."
            )
        warehouse_trace = _trace_warehouse(
            connection, org_id, data_date, account, variables
        )
        exported = org_queries.read_export_row(
            connection,
            org_id,
            data_date=data_date,
            key_column=mapping.key.column,
            date_column=mapping.data_date or "",
        )
    return OrgTrace(
        org_id=org_id,
        data_date=data_date,
        account=account,
        salesforce=_trace_salesforce(mapping, str(org_id), exported),
        **warehouse_trace,
    )


def as_dict(trace: OrgTrace) -> dict[str, Any]:
    """Return the trace as a dictionary for `--json`."""
    result = asdict(trace)
    del result["attainment_terms"]
    result["target_attainment"] = {
        "terms": [
            asdict(term) | {"share": term.share} for term in trace.attainment_terms
        ],
        "mean": trace.attainment,
        "in_mart": (trace.trial_metrics or {}).get("target_attainment"),
    }
    converted: dict[str, Any] = _json_value(result)
    return converted


def _json_value(value: Any) -> Any:  # noqa: ANN401 - any part of the trace
    """Convert decimals: JSON has only numbers, and a float holds 15 digits.

    A whole number stays exact, another one becomes the nearest float.
    """
    if isinstance(value, dict):
        return {name: _json_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return value


def why_absent(account: Record, data_date: date, variables: dict[str, Any]) -> str:
    """Return why an org of the export has no trial metrics on the data date.

    `account` is its latest export record, `variables` are the project's dbt vars.
    """
    carry_forward_days = int(variables["org_carry_forward_days"])
    window_days = int(variables["trial_period_days"])
    window_days += int(variables["extra_conversion_period_days"])
    trial_started_at = account["trial_started_at"]
    if account["partition_date"] < data_date - timedelta(days=carry_forward_days):
        return (
            f"it was last in the export of orgs of {account['partition_date']}, "
            f"more than {carry_forward_days} days before the data date"
        )
    if account["is_internal"]:
        return "it is an internal org"
    if trial_started_at is None:
        return "it has no trial"
    org_day = (data_date - trial_started_at.date()).days + 1
    if org_day < 1:
        return f"its trial starts on {trial_started_at.date()}"
    if org_day >= window_days:
        return (
            f"it is on day {org_day} of its trial, and the trial and conversion "
            f"window ends on day {window_days - 1}"
        )
    return "the models were built before this record was loaded; run the date again"


def _require_built(
    connection: Connection, data_date: date, *, env: str, version: str
) -> None:
    if not ledger.table_exists(connection):
        raise _no_finished_run(data_date)
    built = org_queries.read_built_dates(connection, env=env, version=version)
    if not built:
        raise _no_finished_run(data_date)
    if data_date not in built:
        raise ConfigError(
            f"The data date {data_date} was not built. There are {len(built)} built "
            f"data dates from {built[0]} to {built[-1]}. "
            f"Build it: nightshift run --date {data_date}"
        )


def _no_finished_run(data_date: date) -> ConfigError:
    return ConfigError(
        f"{warehouse.location()} has no finished run yet. "
        f"Start one: nightshift run --date {data_date}"
    )


def _trace_warehouse(
    connection: Connection,
    org_id: int,
    data_date: date,
    account: Record,
    variables: dict[str, Any],
) -> dict[str, Any]:
    """Return the fields of `OrgTrace` that come from the warehouse."""
    late_arrival_days = int(variables["late_arrival_days"])
    snapshot = org_queries.read_trial_metrics(connection, org_id, data_date=data_date)
    trial_start = snapshot["trial_start_date"] if snapshot else data_date
    partitions = (
        min(trial_start, data_date - timedelta(days=late_arrival_days)),
        data_date,
    )
    terms: Sequence[AttainmentTerm] = ()
    org_days: Sequence[Record] = ()
    if snapshot:
        terms = org_queries.read_attainment_terms(
            connection, snapshot, data_date=data_date
        )
        org_days = org_queries.read_org_days(
            connection, org_id, trial_start_date=trial_start, until=data_date
        )
    return {
        "absence_reason": "" if snapshot else why_absent(account, data_date, variables),
        "partitions": partitions,
        "raw_partitions": tuple(
            raw_records.read_raw_partitions(
                connection,
                org_id,
                partitions=partitions,
                late_arrival_days=late_arrival_days,
            )
        ),
        "rejects": tuple(
            raw_records.read_rejects(connection, org_id, partitions=partitions)
        ),
        "activity": org_queries.read_activity(
            connection, org_id, metric_date=data_date
        ),
        "org_days": tuple(org_days),
        "trial_metrics": snapshot,
        "attainment_terms": tuple(terms),
        "interesting_trial": org_queries.read_interesting_trial(
            connection, org_id, data_date=data_date
        ),
    }


def _trace_salesforce(
    mapping: Mapping, key: str, exported: Record | None
) -> SalesforceTrace:
    events = tuple(read_history(mapping.object, key))
    accepted: dict[str, str | None] = {}
    for event in events:
        accepted |= {name: new for name, (_, new) in event.fields.items()}
    current, message = _query_salesforce(mapping, key)
    differences: list[str] = []
    if current and accepted:
        differences = salesforce_records.find_differences(
            current, accepted, mapping=mapping
        )
    return SalesforceTrace(
        exported, accepted, events, current, message, tuple(differences)
    )


def _query_salesforce(mapping: Mapping, key: str) -> tuple[Record | None, str]:
    """Return the org's current record or None, and a message about it."""
    salesforce = settings.load().salesforce
    missing = [
        f"NIGHTSHIFT_{name}" for name, value in salesforce.login_settings() if not value
    ]
    if missing:
        return None, f"Salesforce was not queried. Not set: {', '.join(missing)}."
    try:
        client = salesforce_client.connect(salesforce, SINGLE_ATTEMPT)
        try:
            records = list(salesforce_records.fetch_records(client, mapping, [key]))
        finally:
            client.close()
    except NightshiftError as error:
        return None, f"Salesforce could not be queried. {error}"
    if not records:
        return None, f"Salesforce has no record with external id {key}."
    names = ["Id", *(field.name for field in mapping.fields)]
    record = {name: records[0].get(name) for name in names}
    return record, f"Salesforce has record {record['Id']}."
