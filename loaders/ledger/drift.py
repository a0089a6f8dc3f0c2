"""The drift ledgers: records that were deleted or edited in Salesforce, and the checks.

`salesforce_drift_checks` has one row per check. `salesforce_drift` has a row when a key
begins to drift or drifts differently, and one of kind `resolved` when its record is as
it was accepted again. A later acceptance of the key ends its drift as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from loaders.config.salesforce_mapping import SALESFORCE_OBJECT
from loaders.ledger.completion import now, table_exists
from loaders.warehouse import Connection

DELETED, EDITED, RESOLVED = "deleted", "edited", "resolved"
SENDER = "-- loaders.ledger.drift"


@dataclass(frozen=True)
class DriftedRecord:
    """A record that differs from what was accepted, and who modified it when.

    `kind` is deleted or edited, `fields` describes the differences.
    """

    key: str
    kind: str
    fields: str
    modified_by: str
    modified_at: str


@dataclass(frozen=True)
class Drift:
    """What a check found: numbers of records, and `records` with the first ones.

    `is_complete` is whether all records were compared, and `other_records` how many
    records have a key, but no accepted values. `checked_until` is the latest
    change in Salesforce that was looked at. `error` is why the check failed, or ''.
    """

    deleted: int = 0
    edited: int = 0
    records: tuple[DriftedRecord, ...] = ()
    is_complete: bool = False
    other_records: int = 0
    checked_until: datetime | None = None
    found_at: datetime = field(default_factory=now)
    error: str = ""

    @property
    def count(self) -> int:
        """The number of records that drift."""
        return self.deleted + self.edited

    @property
    def message(self) -> str:
        """The result as a sentence, '' if nothing drifts."""
        return describe(self.deleted, self.edited)


def describe(deleted: int, edited: int) -> str:
    """Return a sentence about records that drift, '' if there are none."""
    parts = [f"{deleted:,} deleted"] if deleted else []
    parts += [f"{edited:,} edited"] if edited else []
    if not parts:
        return ""
    noun = "record was" if deleted + edited == 1 else "records were"
    return (
        f"{deleted + edited:,} {noun} changed in Salesforce by somebody else "
        f"({', '.join(parts)})."
    )


def read_last_check(
    connection: Connection, object_name: str, salesforce_org_id: str
) -> Drift:
    """Return the counts of the last check of an object, zeros if there was none."""
    names = ("deleted", "edited", "other_records", "checked_until", "found_at")
    row = connection.fetch_one(
        f"{SENDER} last check\nselect {', '.join(names)} "
        f"from {connection.table('ops', 'salesforce_drift_checks')} "
        "where object = ? and salesforce_org_id = ? order by found_at desc limit 1",
        [object_name, salesforce_org_id],
    )
    return Drift(**dict(zip(names, row, strict=True))) if row else Drift()


def read_open_drift(
    connection: Connection,
    object_name: str,
    salesforce_org_id: str,
    *,
    fold: Callable[[str], str],
) -> list[tuple[Any, ...]]:
    """Return (folded key, key, kind, fields) of each key that is known to drift.

    `fold` returns the SQL of a key as Salesforce compares it.
    """
    of_object = [object_name, salesforce_org_id]
    return connection.fetch_all(
        f"""{SENDER} open drift {object_name}
select drift.folded_key, drift.key, drift.kind, coalesce(drift.fields, '')
from (
    select
        *,
        {fold("key")} as folded_key,
        row_number() over (
            partition by {fold("key")} order by found_at desc
        ) as recency
    from {connection.table("ops", "salesforce_drift")}
    where object = ? and salesforce_org_id = ?
) as drift
inner join {connection.table("ops", "salesforce_state")} as accepted
    on {fold("accepted.key")} = drift.folded_key
where
    accepted.object = ? and accepted.salesforce_org_id = ?
    and drift.recency = 1 and drift.kind != ?
    and drift.found_at >= accepted.accepted_at""",
        [*of_object, *of_object, RESOLVED],
    )


def latest_checks(
    connection: Connection, *, run_id: str | None = None, data_date: date | None = None
) -> dict[str, str]:
    """Return what the latest check of each object found, as a sentence, '' if nothing.

    `run_id` and `data_date` restrict the checks to those of a run or of a date's syncs.
    """
    if not table_exists(connection, "salesforce_drift_checks"):
        return {}
    condition = "true"
    parameters: list[object] = []
    if run_id is not None:
        condition, parameters = "run_id = ?", [run_id]
    elif data_date is not None:
        syncs = connection.table("ops", "salesforce_syncs")
        condition = f"sync_id in (select sync_id from {syncs} where data_date = ?)"
        parameters = [data_date]
    rows = connection.fetch_all(
        f"{SENDER} latest checks\nselect object, deleted, edited from (select *, "
        "row_number() over (partition by object order by found_at desc) as recency "
        f"from {connection.table('ops', 'salesforce_drift_checks')} "
        f"where {condition}) as checks where recency = 1 order by object",
        parameters,
    )
    return {name: describe(deleted, edited) for name, deleted, edited in rows}


def open_findings(checks: dict[str, str]) -> list[dict[str, str]]:
    """Return `object`, `message` and `repair`, a command, of each object that drifts.

    `checks` comes from `latest_checks`.
    """
    return [
        {"object": name, "message": message, "repair": repair_command(name)}
        for name, message in checks.items()
        if message
    ]


def repair_command(object_name: str) -> str:
    """Return the command that sends the rows of drifting records again."""
    return f"nightshift salesforce sync{_object_option(object_name)} --repair-drift"


def check_command(object_name: str) -> str:
    """Return the command that lists all drifting records."""
    return f"nightshift salesforce diff{_object_option(object_name)} --check-drift"


def _object_option(object_name: str) -> str:
    return "" if object_name == SALESFORCE_OBJECT else f" --object {object_name}"
