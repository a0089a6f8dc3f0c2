"""Paid accounts over the last week: new, lost, and how their state changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from loaders.warehouse import Connection

FLOW_DAYS = 7

Row = dict[str, Any]


@dataclass(frozen=True)
class PaidAccountFlow:
    """State changes of accounts over a week, and the number of paid accounts.

    `since` is the first day with changes to compare, `paid_before` the number of paid
    accounts on the day before it. Both are None when no earlier day was loaded.
    """

    changes: Sequence[Row]
    paid_before: int | None
    paid_now: int
    since: date | None

    @property
    def totals_by_meaning(self) -> list[Row]:
        """The week's changes by meaning, most frequent first."""
        totals: dict[str, int] = {}
        for change in self.changes:
            totals[change["meaning"]] = (
                totals.get(change["meaning"], 0) + change["orgs"]
            )
        ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
        return [{"meaning": meaning, "orgs": orgs} for meaning, orgs in ordered]

    @property
    def gained(self) -> int:
        """Number of accounts that became paid."""
        return sum(row["orgs"] for row in self.changes if row["to_state"] == "paid")

    @property
    def lost(self) -> int:
        """Number of accounts that stopped being paid."""
        return sum(row["orgs"] for row in self.changes if row["from_state"] == "paid")


def read_paid_flow(connection: Connection, data_date: date) -> PaidAccountFlow:
    """Read the state changes of one week.

    The first day ever loaded is left out, because it has no previous day to compare.
    """
    table = connection.table("marts", "paid_account_flow")
    week = [data_date - timedelta(days=FLOW_DAYS - 1), data_date]
    changes = connection.fetch_all(
        "-- reports.morning.paid_flow account changes\n"
        "select flow.day, flow.from_state, flow.to_state, flow.orgs, "
        "coalesce(transitions.meaning, 'Other change, not in account_transitions') "
        f"from {table} as flow "
        f"left join {connection.table('staging', 'account_transitions')} as transitions"
        " on coalesce(flow.from_state, '') = coalesce(transitions.from_state, '') "
        "and coalesce(flow.to_state, '') = coalesce(transitions.to_state, '') "
        "where flow.is_change and flow.day between ? and ? "
        f"and flow.day > (select min(day) from {table}) order by 1, 2, 3",
        week,
    )
    since, paid_before, paid_now = connection.fetch_all(
        "-- reports.morning.paid_flow paid accounts\n"
        "select min(day), "
        "sum(case when day = first_day and from_state = 'paid' then orgs else 0 end), "
        "sum(case when day = ? and to_state = 'paid' then orgs else 0 end) "
        f"from (select *, min(day) over () as first_day from {table} "
        "where day between ? and ? "
        f"and day > (select min(day) from {table})) as week",
        [data_date, *week],
    )[0]
    names = ("day", "from_state", "to_state", "orgs", "meaning")
    return PaidAccountFlow(
        changes=[dict(zip(names, row, strict=True)) for row in changes],
        paid_before=None if since is None else int(paid_before),
        paid_now=int(paid_now or 0),
        since=since,
    )
