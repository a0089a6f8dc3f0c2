"""The page, the mail and its text agree and contain no active content."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from loaders.config.dbt_project import UsageMetric
from reports.morning import charts, data, publishing
from reports.morning.charts import Chart, draw_charts
from reports.morning.data import Report
from reports.morning.publishing import RenderedReport
from reports.morning.sections import sections_of
from reports.morning.themes import THEMES
from tests.reports import sample_report

URL = "s3://archive/prod/v1/report/dt=2026-11-24/index.html"
VOID_TAGS = {"meta", "img", "source", "br", "wbr"}
ACTIVE_TAGS = {"script", "iframe", "form", "object", "embed", "base", "link"}
SAFE_LINK = (
    r"cid:|[a-z-]+\.png$|#[a-z]+$|\.\./\.\./status/index\.html$"
    r"|https://acme\.(my\.salesforce|cloud\.looker)\.com/"
)


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


def _rendered(report: Report, *charts: Chart) -> RenderedReport:
    by_name = {chart.name: chart for chart in charts}
    return RenderedReport(report, by_name, *[sample_report.WRITTEN_AT] * 2)


def _mail_html(rendered: RenderedReport) -> str:
    return publishing.mail_message(rendered, URL, reference="report").html


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


@pytest.mark.parametrize("kind", ["page", "mail"])
def test_hostile_names_are_escaped(
    rendered: RenderedReport, page: str, kind: str
) -> None:
    html = page if kind == "page" else _mail_html(rendered)
    collector = TagCollector(html)
    tag_names = {tag for tag, _ in collector.tags}
    assert not tag_names & ACTIVE_TAGS
    attributes = {name for _, attrs in collector.tags for name in attrs}
    assert not {name for name in attributes if name.startswith("on")}
    for tag, attrs in collector.tags:
        for name in ("src", "href", "srcset"):
            if name in attrs:
                assert re.match(SAFE_LINK, attrs[name]), tag
    assert "&lt;script&gt;" in html
    assert "{{ 7 * 7 }}" in html
    assert "\u202e" not in html


def test_sections_with_nothing_to_say_are_one_line(rendered: RenderedReport) -> None:
    complete, empty = rendered.report, sample_report.empty_report()
    for name, title, sentence in (
        ("interesting", "Trials worth a call", "No trial needs a call today."),
        ("customers", "Largest usage changes", "There is no paid account."),
        ("free_accounts", "Free accounts at", "No free account has reached"),
        ("flow", "Paid accounts this week", "No account became or stopped"),
        ("targets", "Usage by trial day", "Too few trials have ended"),
    ):
        is_chart = name in rendered.charts
        report = replace(complete, **({} if is_chart else {name: getattr(empty, name)}))
        charts = [chart for chart in rendered.charts.values() if chart.name != name]
        html = dict(_rendered(report, *charts).files())[publishing.PAGE].decode()
        headings = re.findall(r"<h2>(.*?)</h2>", html)
        assert not any(title in heading for heading in headings)
        assert len(headings) == len(sections_of(report, ())) - 1
        assert sentence in html.partition("Nothing to report:")[2].partition("</p>")[0]
        assert re.findall(r'<a href="#(\w+)"', html) == [
            *re.findall(r'<div class="card section-\w+" id="(\w+)"', html),
            "data",
        ]


@pytest.mark.parametrize(
    ("salesforce", "looker", "hosts"),
    [
        ("", "", []),
        ("https://s.example", "", ["s.example"]),
        ("", "https://l.example/", ["l.example"]),
        ("https://s.example/", "https://l.example/x", ["s.example", "l.example"]),
    ],
)
def test_name_of_an_org_is_the_link(
    salesforce: str, looker: str, hosts: list[str]
) -> None:
    complete = sample_report.report()
    request = replace(complete.request, salesforce_url=salesforce, looker_url=looker)
    report = replace(complete, request=request, trial_days=[], target_curve=[])
    html = _mail_html(_rendered(report))
    (first, *_) = html.partition('class="trial"')[2].split('class="chip"')
    assert re.findall(r'href="https://([^/"]+)/', first) == hosts
    assert first.index("&lt;script&gt;") > first.find("href=")
    more = "and 48 more</a> in Looker" if looker else "and 48 more in <code>marts."
    assert more in html


def test_change_since_the_week_before_is_shown_beside_each_number(page: str) -> None:
    figures = page.partition('class="figures"')[2].partition("</table>")[0]
    assert re.findall(r"<b>(\d+)</b>\s*<span class=\"(\w+)\">([^<]+)<", figures) == [
        ("33", "good", "+7"),
        ("1", "bad", "\N{MINUS SIGN}1"),
        ("1", "good", "+1"),
        ("5", "bad", "+1"),
    ]
    assert "Change since the Tuesday before." in page
    complete = sample_report.report()
    first = replace(complete, trial_days=complete.trial_days[-1:])
    html = _mail_html(_rendered(first))
    assert "Change since" not in html
    assert "±0" not in html.partition("</table>")[0]


def test_report_without_accounts_has_no_charts() -> None:
    report = sample_report.empty_report()
    rendered = RenderedReport(
        report, draw_charts(report), *[sample_report.WRITTEN_AT] * 2
    )
    assert [name for name, _ in rendered.files()] == [publishing.PAGE]
    message = publishing.mail_message(rendered, URL, reference="report")
    assert "No trial needs a call today." in message.text
    assert "There is no paid account." in message.html
    assert message.images == {}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_each_metric_has_a_chart_and_each_column_an_axis(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    metrics = tuple(
        UsageMetric(f"metric_{n}", f"Metric {n}", "Some usage") for n in range(count)
    )
    monkeypatch.setattr(data, "usage_metrics", lambda: metrics)
    figure = charts._draw_target_curve(sample_report.report(), THEMES["light"])
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [f"metric {n}" for n in range(count)]
    labels = [axes.get_xlabel() for axes in figure.axes]
    columns = min(count, 2)
    assert labels == [""] * (count - columns) + ["trial day"] * columns
