"""The sections of the report in their order: title, content, and when to fold them.

A section `calls` is rendered by `templates/section_calls.html`. A section with nothing
to say is one sentence at the end of the page.
"""

from collections.abc import Collection
from dataclasses import dataclass

from reports.morning.data import Report


@dataclass(frozen=True)
class Section:
    """One section; `nothing` replaces it where there is nothing to show.

    `total` is the number of rows that the section could show; None for a chart.
    """

    id: str
    title: str
    is_shown: bool
    nothing: str
    total: int | None = None

    @property
    def template(self) -> str:
        """The template of the section's content."""
        return f"section_{self.id}.html"


def sections_of(report: Report, charts: Collection[str]) -> list[Section]:
    """Return all sections of a report; `charts` are the names of its charts."""
    paid = report.paid_flow.paid_now
    accounts = f"{paid:,} paid account{'' if paid == 1 else 's'}"
    return [
        Section(
            "calls",
            "Trials worth a call",
            is_shown=bool(report.interesting.rows),
            nothing="No trial needs a call today.",
            total=report.interesting.total,
        ),
        Section(
            "trials",
            "Trials of the last two weeks",
            is_shown="trials" in charts,
            nothing="No trial is recorded yet.",
        ),
        Section(
            "customers",
            "Largest usage changes",
            is_shown=bool(report.customers.rows),
            nothing="There is no paid account.",
            total=report.customers.total,
        ),
        Section(
            "free",
            "Free accounts at their plan limits",
            is_shown=bool(report.free_accounts.rows),
            nothing="No free account has reached a plan limit.",
            total=report.free_accounts.total,
        ),
        Section(
            "flow",
            "Paid accounts this week",
            is_shown="flow" in charts,
            nothing=f"No account became or stopped being paid this week: {accounts}.",
        ),
        Section(
            "targets",
            "Usage by trial day",
            is_shown="targets" in charts,
            nothing="Too few trials have ended to compare their usage.",
        ),
    ]
