"""The safety check: stop a sync before it writes when its changes look like a mistake.

It compares the pending rows with the records in the ledger: too many new rows, too many
changed rows, a field cleared in too many rows, or a metric whose median differs too
much from that of the values last accepted for the same records. A person can approve
the blocked plan by its id. Any other set of rows has a different id.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from loaders import warehouse
from loaders.errors import DataError
from loaders.salesforce import sync_state
from loaders.salesforce.context import SyncContext
from loaders.salesforce.policy import SafetyThresholds
from loaders.salesforce.staging_db import PENDING, StagingDb

MAX_EXAMPLE_KEYS = 10
PLAN_ID_BYTES = 8
CHANGED = "rows.action in ('change', 'missing')"


@dataclass(frozen=True)
class ExceededLimit:
    """One exceeded limit, with the keys of some of the rows that it concerns."""

    message: str
    example_keys: tuple[str, ...]


class SafetyCheckError(DataError):
    """The plan exceeds a limit. Nothing was sent, because a person must review it."""

    def __init__(
        self, message: str, *, plan_id: str, exceeded_limits: list[ExceededLimit]
    ) -> None:
        super().__init__(message)
        self.plan_id = plan_id
        self.exceeded_limits = tuple(exceeded_limits)


def compute_plan_id(staging_db: StagingDb, context: SyncContext) -> str:
    """Return an id for this exact set of rows, object and mapping version."""
    digest = hashlib.blake2b(digest_size=PLAN_ID_BYTES)
    digest.update(f"{context.mapping.object} {context.sync.mapping_version}".encode())
    for row in staging_db.pending_rows():
        digest.update(f"\n{row.key}\t{row.hash}".encode())
    return digest.hexdigest()


def check(
    staging_db: StagingDb,
    context: SyncContext,
    *,
    plan_id: str,
    approved_id: str | None,
) -> None:
    """Raise `SafetyCheckError` when a limit is exceeded and the plan is not approved.

    Raises `DataError` when another plan was approved, because its rows differ.
    """
    if approved_id == plan_id:
        return
    if approved_id:
        raise DataError(
            f"Plan {approved_id} was approved, but the current plan is {plan_id}. "
            "Review it with `nightshift salesforce diff`, then approve that plan."
        )
    exceeded = list(exceeded_limits(staging_db, context))
    if not exceeded:
        return
    details = "\n  ".join(
        f"{limit.message}; for example: {', '.join(limit.example_keys)}"
        for limit in exceeded
    )
    raise SafetyCheckError(
        f"The safety check stopped the sync to {context.mapping.object}. Nothing was "
        f"sent:\n  {details}\n"
        "Review the plan with `nightshift salesforce diff`. If the changes are "
        f"intended, run `nightshift salesforce sync --approve {plan_id}`.",
        plan_id=plan_id,
        exceeded_limits=exceeded,
    )


def exceeded_limits(
    staging_db: StagingDb, context: SyncContext
) -> Iterator[ExceededLimit]:
    """Yield each limit that the pending rows exceed."""
    thresholds = context.policy.safety_thresholds
    sent_before = staging_db.query_int("select count(*) from state where hash != ''")
    if sent_before < thresholds.min_rows or not _has_completed_sync(context):
        return
    yield from _check_share(
        staging_db,
        f"{PENDING} and action = 'create'",
        "new",
        thresholds.max_create_ratio,
    )
    yield from _check_share(
        staging_db,
        f"{PENDING} and {CHANGED}",
        "changed",
        thresholds.max_change_ratio,
    )
    if thresholds.max_null_ratio is not None:
        yield from _check_nulls(staging_db, sent_before, thresholds.max_null_ratio)
    if thresholds.max_median_factor is not None:
        yield from _check_medians(staging_db, context, thresholds)


def _has_completed_sync(context: SyncContext) -> bool:
    """Return whether an earlier sync completed; a first sync is not checked."""
    with warehouse.session() as connection:
        return sync_state.has_completed_sync(
            connection,
            context.mapping.object,
            salesforce_org_id=context.sync.salesforce_org_id,
        )


def _check_share(
    staging_db: StagingDb, condition: str, adjective: str, limit: float | None
) -> Iterator[ExceededLimit]:
    sent_before = staging_db.query_int("select count(*) from state where hash != ''")
    count = staging_db.query_int(f"select count(*) from rows where {condition}")
    if limit is None or count <= limit * sent_before:
        return
    examples = staging_db.database.execute(
        f"select key from rows where {condition} order by folded_key limit ?",
        [MAX_EXAMPLE_KEYS],
    )
    yield ExceededLimit(
        f"{count} rows are {adjective}, {count / sent_before:.0%} of the "
        f"{sent_before} records sent before (limit {limit:.0%})",
        tuple(key for (key,) in examples),
    )


def _check_nulls(
    staging_db: StagingDb, sent_before: int, limit: float
) -> Iterator[ExceededLimit]:
    """Count, for each field, the records whose value would be cleared."""
    cleared: Counter[str] = Counter()
    examples: list[tuple[int, str]] = []
    for key, new, old in _changed_payloads(staging_db):
        cleared_names = [
            name for name, text in new.items() if text is None and old.get(name)
        ]
        cleared.update(cleared_names)
        if cleared_names:
            examples = sorted([*examples, (-len(cleared_names), key)])[
                :MAX_EXAMPLE_KEYS
            ]
    for name, count in cleared.most_common():
        if count > limit * sent_before:
            yield ExceededLimit(
                f"{name} would be cleared in {count} records, "
                f"{count / sent_before:.0%} of the {sent_before} sent before "
                f"(limit {limit:.0%})",
                tuple(f"{key} ({-fields} fields)" for fields, key in examples),
            )


def _check_medians(
    staging_db: StagingDb, context: SyncContext, thresholds: SafetyThresholds
) -> Iterator[ExceededLimit]:
    limit = thresholds.max_median_factor or 0.0
    for field in context.mapping.fields:
        if not field.is_numeric or field.name == context.mapping.external_id:
            continue
        path = f'$."{field.name}"'
        before = _median(staging_db, "state", path)
        after = _median(staging_db, "rows", path)
        if before is None or after is None:
            continue
        low, high = sorted((abs(before), abs(after)))
        factor = 1 + abs(after - before) / max(low if before * after > 0 else 0, 1)
        if factor > limit and high:
            yield ExceededLimit(
                f"the median of {field.name} changes from {before:g} to {after:g} "
                f"(limit: a factor of {limit:g})",
                tuple(_most_changed(staging_db, path)),
            )


def _median(staging_db: StagingDb, table: str, path: str) -> float | None:
    """Return one field's median in `table`, over the records in both tables."""
    values = (
        f"select cast(json_extract({table}.payload, ?) as real) as value"
        " from rows inner join state on state.folded_key = rows.folded_key"
        " where state.hash != '' and rows.action != 'rejected'"
        " and json_extract(rows.payload, ?) is not null"
        " and json_extract(state.payload, ?) is not null"
    )
    row = staging_db.database.execute(
        f"select avg(value) from (select value, row_number() over (order by value)"
        f" as position, count(*) over () as total from ({values}))"
        " where position in ((total + 1) / 2, (total + 2) / 2)",
        [path, path, path],
    ).fetchone()
    return None if row[0] is None else float(row[0])


def _most_changed(staging_db: StagingDb, path: str) -> Iterator[str]:
    records = staging_db.database.execute(
        "select rows.key, json_extract(state.payload, ?) as old,"
        " json_extract(rows.payload, ?) as new"
        " from rows inner join state on state.folded_key = rows.folded_key"
        " where state.hash != '' and rows.action != 'rejected'"
        " and old is not null and new is not null"
        " order by abs(cast(new as real) - cast(old as real)) desc, rows.folded_key"
        " limit ?",
        [path, path, MAX_EXAMPLE_KEYS],
    )
    for key, old, new in records:
        yield f"{key} ({old} to {new})"


def _changed_payloads(
    staging_db: StagingDb,
) -> Iterator[tuple[str, dict[str, str | None], dict[str, str | None]]]:
    """Yield (key, new fields, old fields) of each record that would change."""
    for key, new, old in staging_db.database.execute(
        "select rows.key, rows.payload, state.payload"
        " from rows inner join state on state.folded_key = rows.folded_key"
        f" where {PENDING} and {CHANGED} and state.hash != ''"
    ):
        yield key, json.loads(new), json.loads(old)
