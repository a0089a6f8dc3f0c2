"""Print an org's trace to the terminal."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

from loaders.config.dbt_project import usage_metrics
from loaders.warehouse.declared_tables import raw_tables
from reports.console import Rule, Table, Text, console, printable, styled
from reports.org.explain import OrgTrace, SalesforceTrace
from reports.org.queries import Record
from reports.org.raw_records import RawPartition

NO_VALUE = "-"
STATE_COLUMNS = ("metric_date", "org_day", "billing_plan_name")
ACTIVITY_COLUMNS = ("log_events", "active_users", "error_events", "sessions")
TEXT_COLUMNS = {"metric", "field", "partition", "metric_date", "billing_plan_name"}
MAX_EVENTS = 5
MAX_REJECTS = 5
MAX_LINE_LENGTH = 100


def print_trace(trace: OrgTrace) -> None:
    """Print all sections, from the raw records to the Salesforce record."""
    console.print(styled(printable(_title(trace)), "bold"))
    _print_line(_describe_account(trace))
    if trace.absence_reason:
        _print_line(f"No trial metrics on {trace.data_date}: {trace.absence_reason}.")
    _print_raw_records(trace)
    _print_org_days(trace)
    if trace.trial_metrics:
        _print_trial_metrics(trace.trial_metrics)
        _print_attainment(trace)
        _print_reasons(trace.interesting_trial)
    _print_salesforce(trace.salesforce)


def _title(trace: OrgTrace) -> str:
    source = trace.trial_metrics or trace.account
    return f"Org {trace.org_id}, {source['org_name']}, on {trace.data_date}"


def _describe_account(trace: OrgTrace) -> str:
    account = trace.account
    trial_started_at = account["trial_started_at"]
    facts = [
        f"plan {account['billing_plan_name']} ({account['billing_plan_id']})",
        f"trial started {trial_started_at.isoformat(' ', 'minutes')}"
        if trial_started_at
        else "no trial",
    ]
    facts += ["internal"] if account["is_internal"] else []
    if trace.activity and trace.activity["account_state"]:
        facts.append(f"state {trace.activity['account_state']}")
    return f"Latest orgs record, dt={account['partition_date']}: {', '.join(facts)}."


def _print_raw_records(trace: OrgTrace) -> None:
    first, last = trace.partitions
    _print_heading(f"1. Raw records, partitions {first} to {last}")
    if not trace.raw_partitions:
        _print_line("No records in these partitions.")
    by_date: dict[date, dict[str, RawPartition]] = defaultdict(dict)
    for item in trace.raw_partitions:
        by_date[item.dt][item.source] = item
    sources = list(raw_tables())
    table = _new_table("partition", *sources)
    for dt, by_source in sorted(by_date.items()):
        cells = (_count_records(by_source.get(source)) for source in sources)
        table.add_row(str(dt), *cells)
    if by_date:
        console.print_table(table)
    for reject in trace.rejects[:MAX_REJECTS]:
        _print_line(
            f"  rejected: {reject.object_key or 'unknown object'} "
            f"line {reject.line_number or '?'}: "
            f"{reject.reason}: {reject.line[:MAX_LINE_LENGTH]}"
        )
    remaining = len(trace.rejects) - MAX_REJECTS
    if remaining > 0:
        _print_line(f"  and {remaining} more rejected records; --json lists them all")


def _count_records(partition: RawPartition | None) -> str:
    if partition is None:
        return NO_VALUE
    outside_window = partition.records - partition.records_in_window
    plural = "" if partition.objects == 1 else "s"
    count = f"{partition.records:,} in {partition.objects:,} object{plural}"
    return (
        f"{count}, {outside_window:,} of them too late or too early to count"
        if outside_window
        else count
    )


def _print_org_days(trace: OrgTrace) -> None:
    _print_heading("2. Org days: marts.fct_org_day")
    if not trace.org_days:
        _print_line("No org days.")
        return
    metrics = (metric.name for metric in usage_metrics())
    columns = (*STATE_COLUMNS, *metrics, *ACTIVITY_COLUMNS)
    table = _new_table(*columns)
    for day in trace.org_days:
        cells = [_format_value(day[name]) for name in columns]
        table.add_row(*cells, style="" if day["is_in_trial"] else "dim")
    console.print_table(table)


def _print_trial_metrics(snapshot: Record) -> None:
    _print_heading("3. Trial metrics: marts.fct_org_trial_metrics")
    plan = (
        f"first paid on {snapshot['converted_on']}"
        if snapshot["is_paid"]
        else "not paid"
    )
    _print_line(
        f"Day {snapshot['org_day']}, {snapshot['days_left_in_trial']} days left, "
        f"{snapshot['trial_days']} trial days with data, {snapshot['active_days']} of "
        f"them active, last active {_format_value(snapshot['last_active_date'])}, "
        f"{plan}."
    )
    table = _new_table("metric", "latest trial day", "median", "maximum")
    for metric in usage_metrics():
        prefixes = ("", "median_", "max_")
        values = (snapshot[f"{prefix}{metric.name}"] for prefix in prefixes)
        table.add_row(metric.name, *(_format_value(value) for value in values))
    console.print_table(table)


def _print_attainment(trace: OrgTrace) -> None:
    _print_heading(
        "4. Target attainment: value / median of converted trials, at most 1"
    )
    table = _new_table("metric", "value", "target", "attainment")
    for term in trace.attainment_terms:
        share = "left out" if term.share is None else f"{term.share:.4f}"
        value, target = _format_value(term.value), _format_value(term.target)
        table.add_row(term.metric, value, target, share)
    console.print_table(table)
    if trace.attainment is None:
        _print_line("No target attainment, because no metric has a target.")
        return
    in_mart = (trace.trial_metrics or {}).get("target_attainment")
    stored = NO_VALUE if in_mart is None else f"{in_mart:.4f}"
    _print_line(
        f"Recomputed mean {trace.attainment:.4f}; in marts.fct_org_trial_metrics "
        f"{stored}."
    )


def _print_reasons(row: Record | None) -> None:
    _print_heading("5. Reasons for a call: marts.interesting_trials")
    if row is None:
        _print_line("No reason for a call on this date.")
        return
    _print_line(
        f"Rank {row['trial_rank']}: {row['reasons']}. {row['reasons_in_words']}"
    )


def _print_salesforce(salesforce: SalesforceTrace) -> None:
    _print_heading("6. Salesforce")
    _print_line(salesforce.message)
    for difference in salesforce.differences:
        _print_line(f"  differs from what was sent: {difference}")
    if not salesforce.history:
        _print_line("Never sent to Salesforce.")
    for event in salesforce.history[-MAX_EVENTS:]:
        result = f"{event.code} {event.message}".strip()
        data_date = f", data date {event.data_date}" if event.data_date else ""
        changes = f", {len(event.fields)} fields changed" if event.fields else ""
        _print_line(f"  {event.at:%Y-%m-%d %H:%M} {result}{data_date}{changes}")
    versions: list[dict[str, Any]] = [
        salesforce.exported or {},
        dict(salesforce.accepted),
        salesforce.current or {},
    ]
    fields = dict.fromkeys([*(salesforce.exported or {}), *salesforce.accepted])
    if not fields:
        return
    table = _new_table("field", "exported", "last accepted", "in Salesforce now")
    for name in fields:
        cells = (_format_value(values.get(name)) for values in versions)
        table.add_row(name, *cells)
    console.print_table(table)


def _format_value(value: Any) -> Text:  # noqa: ANN401 - a column of any type
    """Return a value as text without rich markup or control characters."""
    if value is None or value == "":
        return Text(NO_VALUE)
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, float | Decimal):
        return Text(f"{value:,.4f}".rstrip("0").rstrip("."))
    return Text(f"{value:,}" if isinstance(value, int) else printable(str(value)))


def _print_heading(text: str) -> None:
    console.print()
    console.print(Rule(text, align="left", style="dim"))


def _print_line(text: str) -> None:
    console.print(printable(text))


def _new_table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="left" if column in TEXT_COLUMNS else "right")
    return table
