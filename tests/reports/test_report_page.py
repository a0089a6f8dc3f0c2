"""The pages in a browser: every chart loads, and no text is cut off or overflows.

A script that measures the layout is added to a copy of each page. One Chromium shows
all copies at all widths, each in a frame of its own, and prints their measurements.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from reports.history import page
from reports.morning import publishing, rendering
from reports.morning.data import Report
from reports.morning.publishing import RenderedReport
from tests.reports import sample_history, sample_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
CHROMIUM_OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars"),
    "--virtual-time-budget=5000",
]
TIMEOUT_SECONDS = 120
WIDTHS = (400, 600, 1200, 1600)
NO_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
PDF_PAGE = re.compile(rb"/Type\s*/Page\b")
MEASURE_SCRIPT = """
<script>
addEventListener("load", () => {
  const layout = {images: [], overflows: [], background: null, width: innerWidth};
  for (const image of document.images) {
    layout.images.push([image.currentSrc.split("/").pop(), image.naturalWidth]);
  }
  const sheet = document.querySelector(".sheet").getBoundingClientRect();
  if (document.documentElement.scrollWidth > innerWidth) layout.overflows.push("page");
  for (const element of document.querySelectorAll(".sheet *")) {
    const box = element.getBoundingClientRect();
    if (!box.width && !box.height) continue;
    const name = element.tagName + " " + element.textContent.trim().slice(0, 50);
    const is_outside = box.right > sheet.right + 1 || box.left < sheet.left - 1;
    const is_block = ["TD", "TH", "P", "LI", "H1", "H2"].includes(element.tagName);
    const is_cut = is_block && element.scrollWidth > element.clientWidth + 1;
    if (is_outside || is_cut) layout.overflows.push(name);
  }
  const cards = [...document.querySelectorAll(".columns .card")];
  layout.columns = new Set(cards.map(card => card.getBoundingClientRect().left)).size;
  // The tasks of the open chart: kind, and seconds as they are drawn.
  layout.bars = [...document.querySelectorAll("details[open] .bar i")].map(bar =>
    bar.className + " " + Math.round(39 * parseFloat(bar.style.width)));
  layout.background = getComputedStyle(document.body).backgroundColor;
  layout.title = document.title;
  parent.postMessage([name, layout], "*");
});
</script>
"""
HOST = """
<!doctype html>
<meta name="color-scheme" content="light dark">
<pre id="layouts"></pre>
<script>
const layouts = {};
addEventListener("message", event => {
  layouts[event.data[0]] = event.data[1];
  document.getElementById("layouts").textContent = JSON.stringify(layouts);
});
</script>
"""

Layouts = dict[tuple[str, int, bool], dict[str, Any]]


@pytest.fixture(scope="module")
def chromium() -> str:
    """Return the path of the browser."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    return CHROMIUM


@pytest.fixture(scope="module")
def folder(rendered: RenderedReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all kinds of pages, full of hostile names and numbers."""
    target = tmp_path_factory.mktemp("report")
    publishing.write_folder(rendered, target)
    for name, report in (
        ("empty", sample_report.empty_report()),
        ("large", sample_report.large_report()),
    ):
        charts = rendered.charts if report.trial_days else {}
        _write(target / f"{name}.html", _page(report, charts))
    url = f"s3://archive/{'long-' * 60}/index.html"
    message = publishing.mail_message(rendered, url, reference="report")
    mail = message.html
    for content_id, png in message.images.items():
        name = f"cid-{content_id.partition('.')[0]}.png"
        (target / name).write_bytes(png)
        mail = mail.replace(f"cid:{content_id}", name)
    _write(target / "mail.html", mail)
    failed = rendering.render_alert("failed.html", sample_report.ALERT_CONTEXT)
    _write(target / "failed.html", failed)
    _write(target / "history.html", page.html(sample_history.history()))
    broken = (target / publishing.PAGE).read_text(encoding="utf-8")
    broken = broken.replace("overflow-wrap: anywhere", "")
    _write(target / "broken.html", broken.replace('"flow.png"', '"no.png"'))
    return target


def _page(report: Report, charts: Any) -> str:  # noqa: ANN401 - charts by name
    written_at = sample_report.WRITTEN_AT
    return rendering.page_html(report, charts, written_at=written_at)


def _write(path: Path, html: str) -> None:
    path.write_text(html, encoding="utf-8")


def _run(chromium: str, profile: Path, *arguments: str) -> str:
    completed = subprocess.run(
        [chromium, *CHROMIUM_OPTIONS, f"--user-data-dir={profile}", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert completed.returncode == 0, completed.stderr[-2000:]
    return completed.stdout


@pytest.fixture(scope="module")
def layouts(folder: Path, chromium: str) -> Layouts:
    """Return the measurements by page, width and whether the scheme is dark."""
    return {
        (name, width, dark): layout
        for dark in (False, True)
        for name, width, layout in _measure(folder, chromium, dark=dark)
    }


def _measure(
    folder: Path, chromium: str, *, dark: bool
) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield page, width and the script's measurements of a copy of the page."""
    frames = []
    for path in sorted(folder.glob("*.html")):
        if path.name.startswith("measured-") or path.name == "host.html":
            continue
        copy = path.with_name(f"measured-{path.name}")
        html = NO_POLICY.sub("", path.read_text(encoding="utf-8"))
        _write(copy, html.replace("</head>", f"{MEASURE_SCRIPT}</head>"))
        frames += [
            f'<iframe name="{path.stem} {width}" src="{copy.name}" '
            f'style="border:0;width:{width}px;height:900px"></iframe>'
            for width in WIDTHS
        ]
    _write(folder / "host.html", HOST + "\n".join(frames))
    dom = _run(
        chromium,
        folder / "profile",
        "--window-size=1700,900",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        *("--dump-dom", (folder / "host.html").as_uri()),
    )
    match = re.search(r'<pre id="layouts">(.*?)</pre>', dom, re.DOTALL)
    assert match, dom[-2000:]
    measured = json.loads(unescape(match[1]))
    assert len(measured) == len(frames)
    for key, layout in measured.items():
        name, width = key.split()
        yield name, int(width), layout


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["index", "large", "empty"])
def test_page_loads_all_charts_and_nothing_overflows(
    layouts: Layouts, name: str, width: int, dark: bool
) -> None:
    layout = layouts[name, width, dark]
    ending = "-dark.png" if dark else ".png"
    shown = () if name == "empty" else ("trials", "targets", "flow")
    assert layout["width"] == width
    images = [[f"{chart}{ending}", 1120] for chart in shown]
    assert sorted(layout["images"]) == sorted(images)
    assert layout["overflows"] == []
    background = "rgb(18, 22, 26)" if dark else "rgb(238, 241, 244)"
    assert layout["background"] == background
    assert layout["title"] == f"Trial report {sample_report.DATA_DATE}"
    if name != "empty":
        assert layout["columns"] == (2 if width >= 1000 else 1)


def test_measurement_detects_overflow_and_missing_images(layouts: Layouts) -> None:
    layout = layouts["broken", 600, False]
    assert layout["overflows"]
    assert ["no.png", 0] in layout["images"]


@pytest.mark.parametrize("name", ["mail", "failed"])
@pytest.mark.parametrize("width", WIDTHS)
def test_mails_do_not_overflow(layouts: Layouts, name: str, width: int) -> None:
    layout = layouts[name, width, False]
    assert layout["overflows"] == []
    assert all(width for _, width in layout["images"])
    assert len(layout["images"]) == (3 if name == "mail" else 0)
    assert layout["columns"] == (1 if name == "mail" else 0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_history_shows_all_its_parts_and_nothing_overflows(
    layouts: Layouts, width: int, dark: bool
) -> None:
    layout = layouts["history", width, dark]
    assert layout["overflows"] == []
    assert layout["images"] == []
    assert layout["title"] == "Run history prod/v1"
    assert layout["background"] == ("rgb(18, 22, 26)" if dark else "rgb(238, 241, 244)")
    assert {"model 600", "failed 900", "archive 0"} <= set(layout["bars"])


def test_page_is_printed_on_two_pages(
    folder: Path, chromium: str, tmp_path: Path
) -> None:
    pdf = tmp_path / "report.pdf"
    options = ("--no-pdf-header-footer", f"--print-to-pdf={pdf}")
    _run(chromium, tmp_path / "p", *options, (folder / "large.html").as_uri())
    assert len(PDF_PAGE.findall(pdf.read_bytes())) == 2


def test_page_blocks_scripts(folder: Path, chromium: str, tmp_path: Path) -> None:
    html = (folder / publishing.PAGE).read_text(encoding="utf-8")
    copy = tmp_path / "attacked.html"
    script = "<script>document.title = 'hacked'</script>"
    _write(copy, html.replace("</body>", f"{script}</body>"))
    dom = _run(chromium, tmp_path / "p", "--dump-dom", copy.as_uri())
    assert f"<title>Trial report {sample_report.DATA_DATE}</title>" in dom
