"""Page, mail and text tell the same, and nothing in them runs or leads astray."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from reports.morning import publishing as edition
from reports.morning import rendering
from reports.morning.charts import draw
from reports.morning.data import Listing
from reports.morning.publishing import Edition
from reports.morning.quality import verdict
from tests.reports import sample_report

URL = "s3://archive/prod/v1/report/dt=2026-11-24/index.html"
VOID = {"meta", "img", "source", "br", "wbr"}


class Tags(HTMLParser):
    """Collects the tags of a page; AssertionError when they do not match up."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag."""
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Match the tag with the one that is open."""
        assert self._open.pop() == tag

    def values(self, tag: str, name: str) -> list[str | None]:
        """Return an attribute's value on each of the tags that have it."""
        return [
            attrs[name] for found, attrs in self.found if found == tag and name in attrs
        ]


@pytest.fixture(scope="module")
def made() -> Edition:
    report = sample_report.report()
    return Edition(report, draw(report), sample_report.WRITTEN_AT)


@pytest.fixture(scope="module")
def page(made: Edition) -> str:
    return dict(made.files())[edition.PAGE].decode()


def test_every_picture_lies_beside_the_page_and_has_words(
    made: Edition, page: str
) -> None:
    tags = Tags(page)
    files = dict(made.files())
    shown = tags.values("img", "src")
    assert set(shown) == {"trials.png", "targets.png", "flow.png"}
    assert {*shown, *tags.values("source", "srcset"), edition.PAGE} == set(files)
    assert all(len(alt or "") > 40 for alt in tags.values("img", "alt"))
    assert all(files[str(name)].startswith(b"\x89PNG") for name in shown)


def test_every_content_id_of_the_mail_is_one_of_its_pictures(made: Edition) -> None:
    letter = edition.letter(made, URL)
    shown = Tags(letter.html).values("img", "src")
    assert {f"cid:{name}" for name in letter.pictures} == set(shown)
    assert len(letter.html) < 100_000  # beyond that, mailboxes cut


@pytest.mark.parametrize("kind", ["page", "mail"])
def test_hostile_names_are_inert(made: Edition, page: str, kind: str) -> None:
    html = page if kind == "page" else edition.letter(made, URL).html
    tags = Tags(html)
    names = {tag for tag, _ in tags.found}
    assert not names & {"script", "iframe", "form", "object", "embed", "base", "link"}
    attributes = {name for _, attrs in tags.found for name in attrs}
    assert not {name for name in attributes if name.startswith("on")}
    for tag, attrs in tags.found:
        for name in ("src", "href", "srcset"):
            if name in attrs:
                assert re.match(r"cid:|[a-z-]+\.png$|https://acme\.", attrs[name]), tag
    assert "&lt;script&gt;" in html
    assert "{{ 7 * 7 }}" in html
    assert "\u202e" not in html


def test_the_subject_is_one_line_of_figures(made: Edition) -> None:
    subject = rendering.subject(made.report)
    assert "\n" not in subject
    assert subject == "Trials of 2026-11-24: 1 started, 1 converting, 5 at risk"


def test_the_text_stands_alone(made: Edition) -> None:
    text = edition.letter(made, URL).text
    for told in (
        "All is well: 4,800 lines loaded, 20 refused",
        "1 started",
        "12 active of 33 in progress",
        "hosts                 21      10.5",
        "120 -> 132 accounts pay: 27 came, 14 went, since 18 Nov.",
        f"Salesforce: {sample_report.RECORD_ID}",
        "<script>document.title='hacked'</script> (org 1001)",
        "'=HYPERLINK(",
        "And 48 more in marts.interesting_trials.",
        "104,500 / 100 hosts",
        "Late: app_logs of 2026-11-23 loaded again, +20 lines",
        URL,
    ):
        assert told in text
    assert "Bcc: everybody" in text  # and yet on no line of its own
    assert not any(line.startswith("Bcc") for line in text.splitlines())
    assert "\u202e" not in text


def test_a_trial_that_is_over_has_no_days_left() -> None:
    whole = sample_report.report()
    (row, *_) = whole.interesting.rows
    rows = [
        row | {"org_day": day, "days_left_in_trial": max(0, 14 - day)}
        for day in (13, 14, 15)
    ]
    report = replace(whole, interesting=Listing(rows, len(rows)))
    text = edition.letter(Edition(report, {}, sample_report.WRITTEN_AT), URL).text
    told = re.findall(r"Day (\d+), (.+?);", text)
    assert told == [("13", "1 day left"), ("14", "last day"), ("15", "trial over")]


def test_a_company_without_accounts_has_a_report() -> None:
    report = sample_report.empty_report()
    whole = Edition(report, draw(report), sample_report.WRITTEN_AT)
    assert [name for name, _ in whole.files()] == [edition.PAGE]
    letter = edition.letter(whole, URL)
    assert "No trial gives a reason today." in letter.text
    assert "Nobody pays yet." in letter.html
    assert letter.pictures == {}


@pytest.mark.parametrize("cohort", rendering.COHORTS)
def test_one_cohort_alone_has_its_targets_told(cohort: str) -> None:
    whole = sample_report.report()
    report = replace(
        whole,
        targets=[row for row in whole.targets if row["cohort"] == cohort],
        curve=[row for row in whole.curve if row["cohort"] == cohort],
    )
    letter = edition.letter(
        Edition(report, draw(report), sample_report.WRITTEN_AT), URL
    )
    told = "21         \u2013" if cohort == "converted" else "\u2013      10.5"
    assert re.search(rf"hosts +{told}\n", letter.text)
    assert "too few trials to compare" in letter.html


def test_the_verdict_says_what_is_wrong_and_what_to_do() -> None:
    quality = sample_report.EMPTY
    figures = quality.figures
    day = sample_report.DATA_DATE
    assert verdict(quality, day).is_green
    sync = figures["salesforce"] | {"status": "rejected", "rejected": 3}
    refused = verdict(replace(quality, figures=figures | {"salesforce": sync}), day)
    assert not refused.is_green
    assert refused.line == "Salesforce does not take 3 orgs."
    assert refused.todo[0].command == "nightshift salesforce rejects"
    models = figures["models"] | {"failed": 1}
    failed = verdict(replace(quality, figures=figures | {"models": models}), day)
    assert "1 model failed" in failed.line
    assert failed.todo[0].command == f"nightshift run --date {day}"
    unsent = verdict(replace(quality, figures=figures | {"salesforce": {}}), day)
    assert "has not been sent" in unsent.line
    told = {"fct_org_day": "rows_as_usual: Got 1 result"}
    warned = verdict(replace(quality, warned=told), day)
    assert "fct_org_day (rows_as_usual: Got 1 result)" in warned.line
    assert warned.todo[0].command == "dbt test --select fct_org_day"
    report = sample_report.report(quality=replace(quality, warned=told))
    assert rendering.subject(report).startswith("look: ")
