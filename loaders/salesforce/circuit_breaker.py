"""The brake: stop before writing when a sync looks like a mistake.

Shares of the records that the ledger knows: too many new ones, too many changes, a
field emptied in too many, or a metric whose median moved too far since the last
accepted values of the same records. A person looks at the worst orgs and lets exactly
that plan go on, by its id; with other rows the plan has another id.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from loaders import warehouse
from loaders.errors import DataError
from loaders.salesforce import sync_state
from loaders.salesforce.context import Errand
from loaders.salesforce.policy import Brake
from loaders.salesforce.staging_db import PENDING, Workbook

WORST = 10
PLAN_BYTES = 8
CHANGED = "rows.verdict in ('change', 'missing')"


@dataclass(frozen=True)
class Alarm:
    """One limit that is exceeded, in words, and the keys that exceed it most."""

    sentence: str
    worst: tuple[str, ...]


class BrakeError(DataError):
    """Nothing was sent: a person must look at the plan first."""

    def __init__(self, message: str, *, plan_id: str, alarms: list[Alarm]) -> None:
        super().__init__(message)
        self.plan_id = plan_id
        self.alarms = tuple(alarms)


def plan_id(workbook: Workbook, errand: Errand) -> str:
    """Return the id of exactly these rows to exactly this object."""
    told = hashlib.blake2b(digest_size=PLAN_BYTES)
    told.update(f"{errand.mapping.object} {errand.sync.mapping_version}".encode())
    for row in workbook.pending():
        told.update(f"\n{row.key}\t{row.hash}".encode())
    return told.hexdigest()


def check(
    workbook: Workbook, errand: Errand, *, plan: str, approved: str | None
) -> None:
    """Raise `BrakeError` when a limit is exceeded and the plan is not approved.

    An approval of another plan is a `DataError` too: its rows are not these rows.
    """
    if approved == plan:
        return
    if approved:
        raise DataError(
            f"Plan {approved} was approved, but today's rows are plan {plan}. Look at "
            "`nightshift salesforce diff`, then approve that one."
        )
    found = list(alarms(workbook, errand))
    if not found:
        return
    told = "\n  ".join(
        f"{alarm.sentence}; worst: {', '.join(alarm.worst)}" for alarm in found
    )
    raise BrakeError(
        f"The sync to {errand.mapping.object} was stopped before writing:\n  {told}\n"
        "Look at `nightshift salesforce diff`. If it is right, go on with "
        f"`nightshift salesforce sync --approve {plan}`.",
        plan_id=plan,
        alarms=found,
    )


def alarms(workbook: Workbook, errand: Errand) -> Iterator[Alarm]:
    """Yield each limit that the pending rows exceed."""
    brake = errand.policy.brake
    known = workbook.number("select count(*) from state where hash != ''")
    if known < brake.min_rows or not _is_loaded(errand):
        return
    yield from _share(
        workbook, f"{PENDING} and verdict = 'create'", "new", brake.max_create_ratio
    )
    yield from _share(
        workbook, f"{PENDING} and {CHANGED}", "changed", brake.max_change_ratio
    )
    if brake.max_null_ratio is not None:
        yield from _nulls(workbook, known, brake.max_null_ratio)
    if brake.max_median_factor is not None:
        yield from _medians(workbook, errand, brake)


def _is_loaded(errand: Errand) -> bool:
    """Say whether a first load has ended: what is left of one is no surprise."""
    with warehouse.session() as connection:
        return sync_state.has_finished(
            connection, errand.mapping.object, org_id=errand.sync.org_id
        )


def _share(
    workbook: Workbook, condition: str, word: str, limit: float | None
) -> Iterator[Alarm]:
    known = workbook.number("select count(*) from state where hash != ''")
    count = workbook.number(f"select count(*) from rows where {condition}")
    if limit is None or count <= limit * known:
        return
    some = workbook.database.execute(
        f"select key from rows where {condition} order by folded limit ?", [WORST]
    )
    yield Alarm(
        f"{count} rows are {word}, {count / known:.0%} of the {known} known records "
        f"(limit {limit:.0%})",
        tuple(key for (key,) in some),
    )


def _nulls(workbook: Workbook, known: int, limit: float) -> Iterator[Alarm]:
    """Count, for each field, the records that have a value now and would lose it."""
    emptied: Counter[str] = Counter()
    worst: list[tuple[int, str]] = []
    for key, new, old in _pairs(workbook):
        lost = [name for name, text in new.items() if text is None and old.get(name)]
        emptied.update(lost)
        if lost:
            worst = sorted([*worst, (-len(lost), key)])[:WORST]
    for name, count in emptied.most_common():
        if count > limit * known:
            yield Alarm(
                f"{name} would be emptied in {count} records, {count / known:.0%} of "
                f"the {known} known (limit {limit:.0%})",
                tuple(f"{key} ({-fields} fields)" for fields, key in worst),
            )


def _medians(workbook: Workbook, errand: Errand, brake: Brake) -> Iterator[Alarm]:
    limit = brake.max_median_factor or 0.0
    for field in errand.mapping.fields:
        if not field.is_numeric or field.name == errand.mapping.external_id:
            continue
        path = f'$."{field.name}"'
        before = _median(workbook, "state", path)
        after = _median(workbook, "rows", path)
        if before is None or after is None:
            continue
        low, high = sorted((abs(before), abs(after)))
        factor = 1 + abs(after - before) / max(low if before * after > 0 else 0, 1)
        if factor > limit and high:
            yield Alarm(
                f"the median of {field.name} goes from {before:g} to {after:g} "
                f"(limit: {limit:g} times)",
                tuple(_most_moved(workbook, path)),
            )


def _median(workbook: Workbook, side: str, path: str) -> float | None:
    """Return the median of one field over the records that both sides have."""
    values = (
        f"select cast(json_extract({side}.payload, ?) as real) as value"
        " from rows inner join state on state.folded = rows.folded"
        " where state.hash != '' and rows.verdict != 'refused'"
        " and json_extract(rows.payload, ?) is not null"
        " and json_extract(state.payload, ?) is not null"
    )
    row = workbook.database.execute(
        f"select avg(value) from (select value, row_number() over (order by value)"
        f" as place, count(*) over () as total from ({values}))"
        " where place in ((total + 1) / 2, (total + 2) / 2)",
        [path, path, path],
    ).fetchone()
    return row[0]


def _most_moved(workbook: Workbook, path: str) -> Iterator[str]:
    records = workbook.database.execute(
        "select rows.key, json_extract(state.payload, ?) as old,"
        " json_extract(rows.payload, ?) as new"
        " from rows inner join state on state.folded = rows.folded"
        " where state.hash != '' and rows.verdict != 'refused'"
        " and old is not null and new is not null"
        " order by abs(cast(new as real) - cast(old as real)) desc, rows.folded"
        " limit ?",
        [path, path, WORST],
    )
    for key, old, new in records:
        yield f"{key} ({old} to {new})"


def _pairs(
    workbook: Workbook,
) -> Iterator[tuple[str, dict[str, str | None], dict[str, str | None]]]:
    """Yield (key, new fields, old fields) of the records that would change."""
    for key, new, old in workbook.database.execute(
        "select rows.key, rows.payload, state.payload"
        " from rows inner join state on state.folded = rows.folded"
        f" where {PENDING} and {CHANGED} and state.hash != ''"
    ):
        yield key, json.loads(new), json.loads(old)
