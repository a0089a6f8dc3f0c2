"""The safety check: stop a sync before it writes when its changes look like a mistake.

It compares the pending rows with the records in the ledger: too many new, changed or
missing rows, a field cleared in too many rows, or a metric whose median differs too
much from that of the values last accepted for the same records. A person can approve
the blocked plan by its id (see `approvals`). Any other set of rows has a different id.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from loaders import warehouse
from loaders.config.salesforce_policy import SafetyThresholds
from loaders.errors import ConfigError, DataError, NightshiftError
from loaders.salesforce import approvals, medians, state
from loaders.salesforce.context import SyncContext, SyncRequest
from loaders.salesforce.staging_db import PENDING, StagingDb
from loaders.salesforce_api import preflight

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


def compute_plan_id(
    staging_db: StagingDb, context: SyncContext, request: SyncRequest
) -> str:
    """Return an id for exactly these rows, object, mapping, data date and options.

    Rows that Salesforce already has are part of it only if they are requested.
    """
    is_part = request.full or request.repair_drift
    resends = "" if is_part else " and action != 'resend'"
    ((rows, combined),) = staging_db.query(
        "select count(*), bit_xor(md5_number(key || chr(9) || hash))"
        f" from local.rows where {PENDING}{resends}"
    )
    identity = f"{context.mapping.object} {context.sync.mapping_version}"
    identity += f" {context.sync.data_date} {request.variant}"
    text = f"{identity} {rows} {combined}"
    digest = hashlib.blake2b(text.encode(), digest_size=PLAN_ID_BYTES)
    return digest.hexdigest()


def check(
    staging_db: StagingDb, context: SyncContext, request: SyncRequest, *, plan_id: str
) -> None:
    """Raise `SafetyCheckError` when a limit is exceeded; nothing is approved yet."""
    exceeded = unapproved_limits(staging_db, context, request)
    if not exceeded:
        return
    details = "\n  ".join(
        f"{limit.message}; for example: {', '.join(limit.example_keys)}"
        for limit in exceeded
    )
    raise SafetyCheckError(
        f"The safety check stopped the sync to {context.mapping.object}. Nothing was "
        f"sent:\n  {details}\n"
        f"Review the plan with `{request.review_command}`. If the changes are "
        f"intended, run `{request.command} --approve {plan_id}`.",
        plan_id=plan_id,
        exceeded_limits=exceeded,
    )


def superseding_date(request: SyncRequest, context: SyncContext) -> date | None:
    """Return the later data date that this Salesforce org has, unless it is allowed.

    Raises `ConfigError` if a plan was approved, because it would not be sent.
    """
    if request.as_of:
        return None
    with warehouse.session() as connection:
        newest = state.newest_data_date(connection, context.scope)
    if newest is None or newest <= request.data_date:
        return None
    if request.approved_plan_id:
        raise ConfigError(
            f"Plan {request.approved_plan_id} cannot be sent: Salesforce has values of "
            f"{newest}, and `{request.command}` is for {request.data_date}. Nothing "
            "was sent. To go back to the values sent for an earlier date, use "
            f"--as-of {request.data_date}."
        )
    return newest


def find_blockers(
    request: SyncRequest, context: SyncContext, staging_db: StagingDb
) -> tuple[tuple[str, ...], bool]:
    """Return why a sync would stop, and whether a limit of the safety check does it.

    The limits do not apply to a plan that is approved.
    """
    if newest := superseding_date(request, context):
        return (f"Salesforce has values of a later data date, {newest}.",), False
    blockers, policy = [], context.policy
    if not request.approved_plan_id:
        blockers = [
            limit.message for limit in unapproved_limits(staging_db, context, request)
        ]
    needs_approval = bool(blockers)
    try:
        preflight.check_quota(context.client, *staging_db.pending_size(), policy)
    except NightshiftError as error:
        blockers.append(str(error))
    return tuple(blockers), needs_approval


def unapproved_limits(
    staging_db: StagingDb, context: SyncContext, request: SyncRequest
) -> list[ExceededLimit]:
    """Return each limit that the pending rows exceed; none if all are approved."""
    exceeded = list(exceeded_limits(staging_db, context))
    if exceeded and approvals.are_pending_rows_approved(staging_db, context, request):
        return []
    return exceeded


def exceeded_limits(
    staging_db: StagingDb, context: SyncContext
) -> Iterator[ExceededLimit]:
    """Yield each limit that the pending rows exceed."""
    thresholds = context.policy.safety_thresholds
    sent_before = staging_db.query_int("select sent_before from local.totals")
    if sent_before < thresholds.min_rows or not _has_completed_sync(context):
        return
    yield from _check_share(
        staging_db,
        f"{PENDING} and action = 'create'",
        "new",
        sent_before,
        thresholds.max_create_ratio,
    )
    yield from _check_share(
        staging_db,
        f"{PENDING} and {CHANGED}",
        "changed",
        sent_before,
        thresholds.max_change_ratio,
    )
    yield from _check_share(
        staging_db,
        f"{PENDING} and action = 'missing'",
        "no longer in the mart",
        sent_before,
        thresholds.max_missing_ratio,
    )
    if thresholds.max_null_ratio is not None:
        yield from _check_nulls(staging_db, sent_before, thresholds.max_null_ratio)
    if thresholds.max_median_factor is not None:
        yield from _check_medians(staging_db, context, thresholds)


def _has_completed_sync(context: SyncContext) -> bool:
    """Return whether an earlier sync completed; a first sync is not checked."""
    with warehouse.session() as connection:
        return state.has_completed_sync(connection, context.scope)


def _check_share(
    staging_db: StagingDb,
    condition: str,
    adjective: str,
    sent_before: int,
    limit: float | None,
) -> Iterator[ExceededLimit]:
    count = staging_db.query_int(f"select count(*) from local.rows where {condition}")
    if limit is None or count <= limit * sent_before:
        return
    examples = staging_db.query(
        f"select key from local.rows where {condition} order by folded_key limit ?",
        MAX_EXAMPLE_KEYS,
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
    changed = f"select count(*) from local.rows where {PENDING} and {CHANGED}"
    if staging_db.query_int(changed) <= limit * sent_before:
        return  # no field can be cleared in more records
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
    for name, before, after in medians.changed_medians(staging_db, context, limit):
        if medians.factor(before, after) > limit:
            yield ExceededLimit(
                f"the median of {name} changes from {before:g} to {after:g} "
                f"(limit: a factor of {limit:g})",
                medians.most_changed(staging_db, name, MAX_EXAMPLE_KEYS),
            )


def _changed_payloads(
    staging_db: StagingDb,
) -> Iterator[tuple[str, dict[str, str | None], dict[str, str | None]]]:
    """Yield (key, new fields, old fields) of each record that would change."""
    for key, new, old in staging_db.stream(
        "select rows.key, rows.payload, state.payload from local.rows as rows"
        " inner join local.state as state on state.folded_key = rows.folded_key"
        f" where {PENDING} and {CHANGED} and state.hash != ''"
    ):
        yield key, json.loads(new), json.loads(old)
