"""The story of one org and data date, from its raw lines to its Salesforce record.

Gathered for `nightshift explain-org`. Nothing is changed anywhere; Salesforce is asked
once, and when it cannot be, the story says why and goes on without.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from loaders import ledger, warehouse
from loaders.config import settings
from loaders.config.dbt_project import project_vars
from loaders.errors import ConfigError, NightshiftError
from loaders.salesforce import client as salesforce_client
from loaders.salesforce import history, verification
from loaders.salesforce.history import Event
from loaders.salesforce.mapping import SALESFORCE_MODEL, Mapping
from loaders.salesforce.mapping import load as load_mapping
from loaders.salesforce.policy import Patience
from loaders.salesforce.staging_db import Row
from loaders.warehouse import Connection
from reports.org import queries as org_queries
from reports.org.queries import RawObject, Record, Reject, Term, plain

ONE_QUESTION = Patience(attempts=1, connect_timeout_seconds=5, read_timeout_seconds=30)


@dataclass(frozen=True)
class Crm:
    """The org in Salesforce: what the night made, what was sent, what is held now.

    `accepted` are the values that Salesforce has taken so far, from `history`.
    `held` is None when nothing is held or nobody could ask; `told` says which.
    """

    exported: Record | None
    accepted: dict[str, str | None]
    history: tuple[Event, ...]
    held: Record | None
    told: str
    differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Story:
    """Everything that is known of one org on one data date.

    `absence` says why the org has no trial metrics that night; '' when it has.
    """

    org_id: int
    data_date: date
    account: Record
    absence: str
    days: tuple[date, date]
    raw_objects: tuple[RawObject, ...]
    rejects: tuple[Reject, ...]
    activity: Record | None
    org_days: tuple[Record, ...]
    trial_metrics: Record | None
    terms: tuple[Term, ...]
    reasons: Record | None
    crm: Crm

    @property
    def attainment(self) -> float | None:
        """The mean of the terms' shares; None without any."""
        shares = [term.share for term in self.terms if term.share is not None]
        return sum(shares) / len(shares) if shares else None


def tell(org_id: int, data_date: date, *, env: str, version: str) -> Story:
    """Gather the story; `ConfigError` for an org or date that nobody knows."""
    if not warehouse.exists():
        raise _no_night(data_date)
    mapping = load_mapping(model=SALESFORCE_MODEL)
    variables = project_vars()
    with warehouse.session() as connection:
        _require_built(connection, data_date, env=env, version=version)
        account = org_queries.account(connection, org_id, until=data_date)
        if account is None:
            raise ConfigError(
                f"Org {org_id} is in no export up to {data_date}. "
                "Look its number up by org_name in marts.org_activity."
            )
        found = _warehouse_part(connection, org_id, data_date, account, variables)
        exported = org_queries.exported(
            connection,
            org_id,
            data_date=data_date,
            key=mapping.key.column,
            day=mapping.data_date or "",
        )
    return Story(
        org_id=org_id,
        data_date=data_date,
        account=account,
        crm=_crm(mapping, str(org_id), exported),
        **found,
    )


def as_dict(story: Story) -> dict[str, Any]:
    """Return the story as JSON has it."""
    told = asdict(story)
    told["target_attainment"] = {
        "terms": [asdict(term) | {"share": term.share} for term in story.terms],
        "mean": story.attainment,
        "in_mart": (story.trial_metrics or {}).get("target_attainment"),
    }
    del told["terms"]
    told["salesforce"] = told.pop("crm")
    return told


def why_absent(account: Record, data_date: date, variables: dict[str, Any]) -> str:
    """Say why an org that is known has no trial metrics on the data date.

    `variables` are the project's vars.
    """
    carried = int(variables["org_carry_forward_days"])
    window = int(variables["trial_period_days"])
    window += int(variables["extra_conversion_period_days"])
    began = account["trial_started_at"]
    if account["dt"] < data_date - timedelta(days=carried):
        return (
            f"the exports lack it since {account['dt']}, "
            f"longer than the {carried} days for which its last state counts"
        )
    if account["is_internal"]:
        return "it is internal"
    if began is None:
        return "it has no trial"
    day = (data_date - began.date()).days + 1
    if day < 1:
        return f"its trial begins on {began.date()}"
    if day >= window:
        return f"it is day {day} of its trial; the window ends with day {window - 1}"
    return "the night was built before this line was loaded; run the night again"


def _require_built(
    connection: Connection, data_date: date, *, env: str, version: str
) -> None:
    if not ledger.is_set_up(connection):
        raise _no_night(data_date)
    built = org_queries.built_dates(connection, env=env, version=version)
    if not built:
        raise _no_night(data_date)
    if data_date not in built:
        raise ConfigError(
            f"The night of {data_date} was not built; {len(built)} from {built[0]} to "
            f"{built[-1]} were. Build it: nightshift run --date {data_date}"
        )


def _no_night(data_date: date) -> ConfigError:
    return ConfigError(
        f"{warehouse.location()} has no finished night yet. "
        f"Run one: nightshift run --date {data_date}"
    )


def _warehouse_part(
    connection: Connection,
    org_id: int,
    data_date: date,
    account: Record,
    variables: dict[str, Any],
) -> dict[str, Any]:
    late = int(variables["late_arrival_days"])
    snapshot = org_queries.trial_metrics(connection, org_id, data_date=data_date)
    first = snapshot["trial_start_date"] if snapshot else data_date
    days = (min(first, data_date - timedelta(days=late)), data_date)
    terms: Sequence[Term] = ()
    org_days: Sequence[Record] = ()
    if snapshot:
        terms = org_queries.attainment_terms(connection, snapshot, data_date=data_date)
        org_days = org_queries.org_days(
            connection, org_id, trial_start_date=first, until=data_date
        )
    return {
        "absence": "" if snapshot else why_absent(account, data_date, variables),
        "days": days,
        "raw_objects": tuple(
            org_queries.raw_objects(
                connection, org_id, days=days, late_arrival_days=late
            )
        ),
        "rejects": tuple(org_queries.rejects(connection, org_id, days=days)),
        "activity": org_queries.activity(connection, org_id, day=data_date),
        "org_days": tuple(org_days),
        "trial_metrics": snapshot,
        "terms": tuple(terms),
        "reasons": org_queries.reasons(connection, org_id, data_date=data_date),
    }


def _crm(mapping: Mapping, key: str, exported: Record | None) -> Crm:
    events = tuple(history.of(mapping.object, key))
    accepted: dict[str, str | None] = {}
    for event in events:
        accepted |= {name: new for name, (_, new) in event.fields.items()}
    held, told = _ask_salesforce(mapping, key)
    differences: list[str] = []
    if held and accepted:
        sent = Row(folded=key, key=key, payload=json.dumps(accepted), hash="")
        differences = verification.differences(held, sent, mapping=mapping)
    return Crm(exported, accepted, events, held, told, tuple(differences))


def _ask_salesforce(mapping: Mapping, key: str) -> tuple[Record | None, str]:
    mine = settings.load().salesforce
    missing = [f"NIGHTSHIFT_{name}" for name, value in mine.needed() if not value]
    if missing:
        return None, f"Salesforce was not asked: {', '.join(missing)} not set."
    try:
        client = salesforce_client.connect(mine, ONE_QUESTION)
        try:
            found = list(verification.records(client, mapping, [key]))
        finally:
            client.close()
    except NightshiftError as error:
        return None, f"Salesforce could not be asked: {error}"
    if not found:
        return None, f"Salesforce holds no record of {key}."
    names = ["Id", *(field.name for field in mapping.fields)]
    record = {name: plain(found[0].get(name)) for name in names}
    return record, f"Salesforce holds record {record['Id']}."
