"""The mail: its images, its text, its preview, and its size."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from loaders.config.addresses import MailAddress
from loaders.mime import Message, compose
from reports.morning import publishing, rendering
from reports.morning.charts import draw_charts
from reports.morning.data import MAX_ROWS, Report, TopRows
from reports.morning.notes import changed_partitions
from reports.morning.publishing import RenderedReport
from tests.reports import sample_report

URL = "s3://archive/prod/v1/report/dt=2026-11-24/index.html"
SENDER = MailAddress("Nightshift", "report", "example.com")
MIN_INT, MAX_INT = -(2**63), 2**63 - 1
GMAIL_CLIPS_AT = 102_400  # bytes of the HTML


def test_mail_attaches_exactly_the_images_that_it_shows(
    rendered: RenderedReport,
) -> None:
    message = _mail(rendered)
    shown = re.findall(r'<img src="([^"]+)"', message.html)
    assert {f"cid:{content_id}" for content_id in message.images} == set(shown)


def _mail(rendered: RenderedReport) -> Message:
    return publishing.mail_message(rendered, URL, reference="report")


@pytest.mark.parametrize("character", ["W", "ä", "\U0001f680", "&", "<", '"'])
def test_mail_is_never_clipped(rendered: RenderedReport, character: str) -> None:
    """Every text at its longest, and ten thousand rows in every list and ledger."""
    text, many = character * 9_999, 10_000
    complete = sample_report.report()
    lists = {
        name: TopRows(
            [
                {**row, "org_name": text, "billing_plan_name": text}
                | {"salesforce_id": sample_report.RECORD_ID, "org_id": MAX_INT}
                | ({"reasons_in_words": text} if "reasons" in row else {})
                for row in getattr(complete, name).rows[:MAX_ROWS]
            ],
            many,
        )
        for name in ("interesting", "customers", "free_accounts")
    }
    partition = {"source": "app_logs", "dt": complete.data_date, "command": "x" * 40}
    request = replace(complete.request, changed_partitions=[partition] * many)
    quality = replace(
        complete.quality,
        test_warnings={f"{'model_' * 9}{number}": text for number in range(many)},
    )
    notes = list(changed_partitions(None, request))  # type: ignore[arg-type]  # reads no table
    report = replace(complete, request=request, quality=quality, notes=notes, **lists)
    rendered = replace(rendered, report=report)
    mail = compose(_mail(rendered), sender=SENDER, to=[SENDER])
    (part,) = (part for part in mail.walk() if part.get_content_type() == "text/html")
    # Also as it is encoded for the transfer.
    assert len(part.get_content().encode()) < GMAIL_CLIPS_AT
    assert len(part.get_payload()) < GMAIL_CLIPS_AT
    (style,) = re.findall(r"<style>(.*?)</style>", part.get_content(), re.DOTALL)
    assert len(style) < 8_192  # Gmail ignores longer ones.


def test_preview_text_of_the_mail_has_figures_and_no_names(
    rendered: RenderedReport,
) -> None:
    text = (
        "60 trials worth a call, 33 in progress, 12 of them active. "
        "Paid accounts this week: +27 new, \N{MINUS SIGN}14 lost."
    )
    body = _mail(rendered).html.partition("<body>")[2].lstrip()
    assert re.match(rf"<div style=\"display:none[^>]*>{re.escape(text)}", body)
    assert text not in dict(rendered.files())[publishing.PAGE].decode()


def test_mail_subject_is_one_line_of_figures(rendered: RenderedReport) -> None:
    subject = rendering.mail_subject(rendered.report)
    assert "\n" not in subject
    assert subject == "Trial report 2026-11-24: 1 started, 1 converted, 5 stalled"


def test_mail_text_contains_every_section(rendered: RenderedReport) -> None:
    text = _mail(rendered).text
    for expected in (
        "Succeeded: 4,800 records of 4 sources, metrics fewer than usual (46%). 20",
        "    33     +7  in progress, 12 of them active",
        "     1     \N{MINUS SIGN}1  started",
        "hosts                 21      10.5",
        "120 -> 132 paid accounts: +27 new, -14 lost since 18 Nov.",
        f"Salesforce: {sample_report.RECORD_ID}",
        "<script>document.title='hacked'</script> (org 1001)",
        "'=HYPERLINK(",
        "and 48 more in https://acme.cloud.looker.com/explore/nightshift/interesting_",
        "104,500 / 100 hosts",
        "Usual is the median of the last four Tuesdays.",
        "orgs 2026-10-30 changed. Take it in: nightshift run",
        "s3://archive/prod/v1/status/index.html",
        URL,
    ):
        assert expected in text
    assert "\u202e" not in text


def test_line_break_in_a_name_adds_no_line_to_the_mail(
    rendered: RenderedReport,
) -> None:
    text = _mail(rendered).text
    assert "Bcc: everybody" in text
    assert not any(line.startswith("Bcc") for line in text.splitlines())


def test_days_left_in_trial_are_shown_in_words() -> None:
    complete = sample_report.report()
    (row, *_) = complete.interesting.rows
    rows = [
        row | {"org_day": day, "days_left_in_trial": max(0, 14 - day)}
        for day in (13, 14, 15)
    ]
    report = replace(complete, interesting=TopRows(rows, len(rows)))
    rendered = RenderedReport(report, {}, *[sample_report.WRITTEN_AT] * 2)
    text = _mail(rendered).text
    assert re.findall(r"Day (\d+), (.+?);", text) == [
        ("13", "1 day left"),
        ("14", "last day"),
        ("15", "trial over"),
    ]


def _with_targets_chart_only() -> Report:
    empty = sample_report.empty_report()
    return sample_report.report(trial_days=[], paid_flow=empty.paid_flow)


@pytest.mark.parametrize("cohort", rendering.COHORTS)
def test_targets_of_a_single_cohort_are_shown(cohort: str) -> None:
    complete = _with_targets_chart_only()
    report = replace(
        complete,
        targets=[row for row in complete.targets if row["cohort"] == cohort],
        target_curve=[row for row in complete.target_curve if row["cohort"] == cohort],
    )
    message = _mail(
        RenderedReport(report, draw_charts(report), *[sample_report.WRITTEN_AT] * 2)
    )
    values = "21         \u2013" if cohort == "converted" else "\u2013      10.5"
    assert re.search(rf"hosts +{values}\n", message.text)
    assert "too few trials to compare" in message.html


@pytest.mark.parametrize(
    "usage",
    [
        (MAX_INT, MAX_INT - 1),
        (MIN_INT, MAX_INT),
        (MIN_INT, MIN_INT),
        (-3, -1),
        (0, 0),
    ],
)
def test_numbers_at_the_edge_of_their_type_are_shown_exactly(
    usage: tuple[int, int],
) -> None:
    complete = _with_targets_chart_only()
    median = (Decimal(usage[0]) + usage[1]) / 2
    change = Decimal(usage[1] - usage[0])
    customer = {"hosts": usage[1], "hosts_week_change": change}
    report = replace(
        complete,
        targets=[row | {"median_value": median} for row in complete.targets],
        target_curve=[
            row | {"median_value": Decimal(usage[row["org_day"] % 2])}
            for row in complete.target_curve
        ],
        customers=TopRows([row | customer for row in complete.customers.rows], 1),
    )
    message = _mail(
        RenderedReport(report, draw_charts(report), *[sample_report.WRITTEN_AT] * 2)
    )
    assert any(name.startswith("targets.") for name in message.images)
    shown = [rendering._number(median), rendering._signed(change)]
    assert shown[0].replace(",", "") == f"{median:f}".removesuffix(".0")
    assert all(number in message.text for number in shown)
    assert shown[1] in message.html
