"""The page, the mail and its text agree and contain no active content."""

import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from loaders.mime import Message
from reports.morning import publishing, rendering
from reports.morning.charts import draw_charts
from reports.morning.data import Report, TopRows
from reports.morning.publishing import RenderedReport
from reports.morning.quality import RunSummary, summarize
from tests.reports import sample_report

URL = "s3://archive/prod/v1/report/dt=2026-11-24/index.html"
VOID_TAGS = {"meta", "img", "source", "br", "wbr"}
ACTIVE_TAGS = {"script", "iframe", "form", "object", "embed", "base", "link"}
MIN_INT, MAX_INT = -(2**63), 2**63 - 1
MAX_MAIL_BYTES = 100_000  # Gmail clips larger messages


class TagCollector(HTMLParser):
    """Collects the tags of a page; AssertionError when they are unbalanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID_TAGS:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that the tag closes the innermost open one."""
        assert self._open.pop() == tag

    def attribute_values(self, tag: str, name: str) -> list[str | None]:
        """Return the attribute's values on all tags of this kind."""
        return [
            attrs[name] for found, attrs in self.tags if found == tag and name in attrs
        ]


def _rendered(report: Report) -> RenderedReport:
    return RenderedReport(report, draw_charts(report), *[sample_report.WRITTEN_AT] * 2)


@pytest.fixture(scope="module")
def rendered() -> RenderedReport:
    """Return the sample report with its charts."""
    return _rendered(sample_report.report())


@pytest.fixture(scope="module")
def page(rendered: RenderedReport) -> str:
    """Return the HTML of its page."""
    return dict(rendered.files())[publishing.PAGE].decode()


def test_page_shows_every_chart_with_an_alternative_text(
    rendered: RenderedReport, page: str
) -> None:
    tags = TagCollector(page)
    files = dict(rendered.files())
    shown = tags.attribute_values("img", "src")
    dark = tags.attribute_values("source", "srcset")
    assert set(shown) == {"trials.png", "targets.png", "flow.png"}
    assert {*shown, *dark, publishing.PAGE} == set(files)
    assert all(len(alt or "") > 40 for alt in tags.attribute_values("img", "alt"))
    assert all(files[str(name)].startswith(b"\x89PNG") for name in shown)


def test_mail_attaches_exactly_the_images_that_it_shows(
    rendered: RenderedReport,
) -> None:
    message = _mail(rendered)
    shown = TagCollector(message.html).attribute_values("img", "src")
    assert {f"cid:{content_id}" for content_id in message.images} == set(shown)
    assert len(message.html) < MAX_MAIL_BYTES


def _mail(rendered: RenderedReport) -> Message:
    return publishing.mail_message(rendered, URL, reference="report")


@pytest.mark.parametrize("kind", ["page", "mail"])
def test_hostile_names_are_escaped(
    rendered: RenderedReport, page: str, kind: str
) -> None:
    html = page if kind == "page" else _mail(rendered).html
    collector = TagCollector(html)
    tag_names = {tag for tag, _ in collector.tags}
    assert not tag_names & ACTIVE_TAGS
    attributes = {name for _, attrs in collector.tags for name in attrs}
    assert not {name for name in attributes if name.startswith("on")}
    for tag, attrs in collector.tags:
        for name in ("src", "href", "srcset"):
            if name in attrs:
                assert re.match(r"cid:|[a-z-]+\.png$|https://acme\.", attrs[name]), tag
    assert "&lt;script&gt;" in html
    assert "{{ 7 * 7 }}" in html
    assert "\u202e" not in html


def test_mail_subject_is_one_line_of_figures(rendered: RenderedReport) -> None:
    subject = rendering.mail_subject(rendered.report)
    assert "\n" not in subject
    assert subject == "Trial report 2026-11-24: 1 started, 1 converted, 5 stalled"


def test_mail_text_contains_every_section(rendered: RenderedReport) -> None:
    text = _mail(rendered).text
    for expected in (
        "Succeeded: 4,800 records read, 20 rejected",
        "1 started",
        "12 active of 33 in progress",
        "hosts                 21      10.5",
        "120 -> 132 paid accounts: +27 new, -14 lost since 18 Nov.",
        f"Salesforce: {sample_report.RECORD_ID}",
        "<script>document.title='hacked'</script> (org 1001)",
        "'=HYPERLINK(",
        "48 more in marts.interesting_trials.",
        "104,500 / 100 hosts",
        "Reloaded: app_logs 2026-11-23, +20 records",
        URL,
    ):
        assert expected in text
    assert "\u202e" not in text


def test_rejects_without_a_place_are_shown_with_the_command_that_locates_them(
    rendered: RenderedReport,
) -> None:
    command = f"nightshift rejects locate --date {sample_report.DATA_DATE}"
    for text in (_mail(rendered).text, _mail(rendered).html):
        assert "3 rejected records without object and line number" in text
        assert command in text
    empty = _rendered(sample_report.empty_report())
    assert "nightshift rejects locate" not in _mail(empty).text + _mail(empty).html


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


def test_report_without_accounts_has_no_charts() -> None:
    rendered = _rendered(sample_report.empty_report())
    assert [name for name, _ in rendered.files()] == [publishing.PAGE]
    message = _mail(rendered)
    assert "No trial needs a call today." in message.text
    assert "No paid accounts yet." in message.html
    assert message.images == {}


@pytest.mark.parametrize("cohort", rendering.COHORTS)
def test_targets_of_a_single_cohort_are_shown(cohort: str) -> None:
    complete = sample_report.report()
    report = replace(
        complete,
        targets=[row for row in complete.targets if row["cohort"] == cohort],
        target_curve=[row for row in complete.target_curve if row["cohort"] == cohort],
    )
    message = _mail(_rendered(report))
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
    complete = sample_report.report()
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
    message = _mail(_rendered(report))
    assert any(name.startswith("targets.") for name in message.images)
    shown = [rendering._number(median), rendering._signed(change)]
    assert shown[0].replace(",", "") == f"{median:f}".removesuffix(".0")
    for text in (message.text, message.html):
        assert all(number in text for number in shown)


def _summarize(**changes: object) -> RunSummary:
    quality = replace(sample_report.EMPTY_QUALITY, **changes)
    return summarize(quality, sample_report.DATA_DATE)


def test_successful_run_needs_no_action() -> None:
    summary = _summarize()
    assert summary.succeeded
    assert summary.headline == "Succeeded"
    assert summary.actions == []


def test_rejected_orgs_suggest_the_rejects_command() -> None:
    figures = sample_report.EMPTY_QUALITY.figures
    sync = figures["salesforce"] | {"status": "rejected", "rejected": 3}
    objects = figures["salesforce_objects"] | {"Trial_Metrics__c": sync}
    summary = _summarize(figures=figures | {"salesforce_objects": objects})
    assert not summary.succeeded
    assert summary.details == "Salesforce rejected 3 orgs."
    assert summary.actions[0].command == "nightshift salesforce rejects"


def test_accounts_are_counted_and_their_rejects_have_their_own_command() -> None:
    figures = sample_report.EMPTY_QUALITY.figures
    accounts = sample_report.SYNC | {"sent": 4, "unmatched": 9}
    objects = figures["salesforce_objects"] | {"Account": accounts}
    summary = _summarize(figures=figures | {"salesforce_objects": objects})
    assert summary.details.endswith("4 sent to Account, 9 unmatched.")
    objects["Account"] = accounts | {"status": "rejected", "rejected": 3}
    summary = _summarize(figures=figures | {"salesforce_objects": objects})
    assert summary.details == "Salesforce rejected 3 Account records."
    command = "nightshift salesforce rejects --object Account"
    assert summary.actions[0].command == command


def test_failed_model_suggests_another_run() -> None:
    figures = sample_report.EMPTY_QUALITY.figures
    summary = _summarize(
        figures=figures | {"models": figures["models"] | {"failed": 1}}
    )
    assert "1 model failed" in summary.details
    run_command = f"nightshift run --date {sample_report.DATA_DATE}"
    assert summary.actions[0].command == run_command


def test_missing_sync_is_reported() -> None:
    figures = sample_report.EMPTY_QUALITY.figures
    summary = _summarize(figures=figures | {"salesforce": {}, "salesforce_objects": {}})
    assert "Nothing was sent to Salesforce" in summary.details


def test_dbt_test_warnings_are_listed_and_change_the_subject() -> None:
    warnings = {"fct_org_day": "rows_as_usual: Got 1 result"}
    summary = _summarize(test_warnings=warnings)
    assert "fct_org_day (rows_as_usual: Got 1 result)" in summary.details
    assert summary.actions[0].command == "dbt test --select fct_org_day"
    quality = replace(sample_report.EMPTY_QUALITY, test_warnings=warnings)
    subject = rendering.mail_subject(sample_report.report(quality=quality))
    assert subject.startswith("[Action required] ")
