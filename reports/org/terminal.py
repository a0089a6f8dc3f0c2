"""An org's story as a page in the terminal."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from loaders.warehouse.declared_tables import raw_tables
from reports.console import console, printable
from reports.org.explain import Crm, Story
from reports.org.queries import METRICS, RawObject, Record

NOTHING = "-"
DAY_COLUMNS = ("metric_date", "org_day", "billing_plan_name", *METRICS)
DAY_COLUMNS += ("log_events", "active_users", "error_events", "sessions")
SHOWN_EVENTS = 5
SHOWN_REJECTS = 5
SHOWN_LINE = 100


def show(story: Story) -> None:
    """Print the page, from the raw lines to the Salesforce record."""
    console.print(Text(printable(_title(story)), style="bold"))
    _say(_account_line(story))
    if story.absence:
        _say(f"It has no trial metrics on {story.data_date}: {story.absence}.")
    _raw_lines(story)
    _org_days(story)
    if story.trial_metrics:
        _trial_metrics(story.trial_metrics)
        _attainment(story)
        _reasons(story.reasons)
    _salesforce(story.crm)


def _title(story: Story) -> str:
    named = story.trial_metrics or story.account
    return f"Org {story.org_id}, {named['org_name']}, on {story.data_date}"


def _account_line(story: Story) -> str:
    account = story.account
    began = account["trial_started_at"]
    facts = [
        f"plan {account['billing_plan_name']} ({account['billing_plan_id']})",
        f"trial began {began:%Y-%m-%d %H:%M}" if began else "no trial",
    ]
    facts += ["internal"] if account["is_internal"] else []
    if story.activity and story.activity["account_state"]:
        facts.append(f"state {story.activity['account_state']}")
    return (
        f"Its line in the export of {account['dt']} ({account['object_key']}): "
        f"{', '.join(facts)}."
    )


def _raw_lines(story: Story) -> None:
    _heading(f"1. Raw lines of {story.days[0]} to {story.days[1]}")
    if not story.raw_objects:
        _say("No line in these days is about it.")
    by_day: dict[date, dict[str, list[RawObject]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for each in story.raw_objects:
        by_day[each.dt][each.source].append(each)
    sources = list(raw_tables())
    table = _table("partition", *sources)
    for dt, found in sorted(by_day.items()):
        table.add_row(str(dt), *(_lines(found.get(source, [])) for source in sources))
    if by_day:
        console.print(table)
    for each in story.raw_objects:
        if each.dt == story.data_date:
            _say(f"  {each.lines:>7,} of {each.dt} in {each.object_key}")
    for reject in story.rejects[:SHOWN_REJECTS]:
        _say(
            f"  refused: {reject.object_key} line {reject.line_number or '?'}: "
            f"{reject.reason}: {reject.line[:SHOWN_LINE]}"
        )
    more = len(story.rejects) - SHOWN_REJECTS
    if more > 0:
        _say(f"  and {more} more refused lines; --json has them all")


def _lines(objects: Sequence[RawObject]) -> str:
    if not objects:
        return NOTHING
    lines = sum(each.lines for each in objects)
    idle = lines - sum(each.counted for each in objects)
    told = f"{lines:,} in {len(objects)} object{'s' if len(objects) > 1 else ''}"
    return f"{told}, {idle:,} not of these days" if idle else told


def _org_days(story: Story) -> None:
    _heading("2. Org days: marts.fct_org_day")
    if not story.org_days:
        _say("None.")
        return
    table = _table(*DAY_COLUMNS)
    for day in story.org_days:
        cells = [_told(day[name]) for name in DAY_COLUMNS]
        table.add_row(*cells, style="" if day["is_in_trial"] else "dim")
    console.print(table)


def _trial_metrics(found: Record) -> None:
    _heading("3. Trial metrics: marts.fct_org_trial_metrics")
    _say(
        f"Day {found['org_day']}, {found['days_left_in_trial']} days left; "
        f"{found['trial_days']} trial days seen, {found['active_days']} of them "
        f"active; last active {_told(found['last_active_date'])}; "
        + (
            f"on a paid plan since {found['converted_on']}."
            if found["is_paid"]
            else "not on a paid plan."
        )
    )
    table = _table("metric", "latest trial day", "median", "most")
    for metric in METRICS:
        values = (found[f"{kind}{metric}"] for kind in ("", "median_", "max_"))
        table.add_row(metric, *(_told(value) for value in values))
    console.print(table)


def _attainment(story: Story) -> None:
    _heading("4. Target attainment: value by median of converted trials, 1 at most")
    table = _table("metric", "value", "target", "share")
    for term in story.terms:
        share = "left out" if term.share is None else f"{term.share:.4f}"
        table.add_row(term.metric, _told(term.value), _told(term.target), share)
    console.print(table)
    in_mart = (story.trial_metrics or {}).get("target_attainment")
    if story.attainment is None:
        _say("No metric has a target, so there is no attainment.")
        return
    held = NOTHING if in_mart is None else f"{in_mart:.4f}"
    _say(f"Their mean is {story.attainment:.4f}; the mart holds {held}.")


def _reasons(found: Record | None) -> None:
    _heading("5. Reasons for a call: marts.interesting_trials")
    if found is None:
        _say("None that night.")
        return
    _say(f"Rank {found['trial_rank']}: {found['reasons']}. {found['reasons_in_words']}")


def _salesforce(crm: Crm) -> None:
    _heading("6. Salesforce")
    _say(crm.told)
    for difference in crm.differences:
        _say(f"  held otherwise than sent: {difference}")
    if not crm.history:
        _say("Nothing of it was ever sent.")
    for event in crm.history[-SHOWN_EVENTS:]:
        of_date = f", figures of {event.data_date}" if event.data_date else ""
        changed = f", {len(event.fields)} fields changed" if event.fields else ""
        told = f"{event.code} {event.message}".strip()
        _say(f"  {event.at:%Y-%m-%d %H:%M} {told}{of_date}{changed}")
    rows = {**dict.fromkeys(crm.exported or {}), **dict.fromkeys(crm.accepted)}
    if not rows:
        return
    table = _table("field", "made that night", "last accepted", "held now")
    for name in rows:
        values = ((each or {}).get(name) for each in _sides(crm))
        table.add_row(name, *(_told(value) for value in values))
    console.print(table)


def _sides(crm: Crm) -> Iterable[Any]:
    return crm.exported, crm.accepted, crm.held


def _told(value: Any) -> Text:  # noqa: ANN401 - any column's
    """Return a value as text that is never read as markup or by the terminal."""
    if value is None or value == "":
        return Text(NOTHING)
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, float):
        return Text(f"{value:,.4f}".rstrip("0").rstrip("."))
    return Text(f"{value:,}" if isinstance(value, int) else printable(str(value)))


def _heading(text: str) -> None:
    console.print()
    console.print(Rule(text, align="left", style="dim"))


def _say(text: str) -> None:
    console.print(printable(text), markup=False)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    texts = {"metric", "field", "partition", "metric_date", "billing_plan_name"}
    for column in columns:
        table.add_column(column, justify="left" if column in texts else "right")
    return table
