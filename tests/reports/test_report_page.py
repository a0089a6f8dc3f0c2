"""The page in a browser: every chart loads, and no text is cut off or overflows.

A script that measures the layout is added to a copy of the page. It appends its
measurements to the document, which headless Chromium prints.
"""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from reports.history import page
from reports.morning import publishing, rendering
from reports.morning.charts import draw_charts
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
  // The tasks of the open chart: kind, and seconds as they are drawn.
  layout.bars = [...document.querySelectorAll("details[open] .bar i")].map(bar =>
    bar.className + " " + Math.round(39 * parseFloat(bar.style.width)));
  layout.background = getComputedStyle(document.body).backgroundColor;
  layout.title = document.title;
  const output = document.createElement("pre");
  output.id = "layout";
  output.textContent = JSON.stringify(layout);
  document.body.append(output);
});
</script>
"""


@pytest.fixture(scope="module")
def chromium() -> str:
    """Return the path of the browser."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    return CHROMIUM


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the page, the mail and an alert, full of hostile names."""
    report = sample_report.report()
    rendered = RenderedReport(
        report, draw_charts(report), *[sample_report.WRITTEN_AT] * 2
    )
    target = tmp_path_factory.mktemp("report")
    publishing.write_folder(rendered, target)
    url = f"s3://archive/{'long-' * 60}/index.html"
    message = publishing.mail_message(rendered, url, reference="report")
    mail = message.html
    for content_id, png in message.images.items():
        name = f"cid-{content_id.partition('.')[0]}.png"
        (target / name).write_bytes(png)
        mail = mail.replace(f"cid:{content_id}", name)
    (target / "mail.html").write_text(mail, encoding="utf-8")
    failed = rendering.render_alert("failed.html", sample_report.ALERT_CONTEXT)
    (target / "failed.html").write_text(failed, encoding="utf-8")
    history = page.html(sample_history.history())
    (target / "history.html").write_text(history, encoding="utf-8")
    return target


def _dump_dom(page: Path, chromium: str, profile: Path, *options: str) -> str:
    """Return the document as the browser prints it after running its scripts."""
    completed = subprocess.run(
        [
            *(chromium, *CHROMIUM_OPTIONS, f"--user-data-dir={profile}"),
            *(*options, "--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert completed.stdout, completed.stderr[-2000:]
    return completed.stdout


def _measure(
    page: Path, chromium: str, profile: Path, *, width: int, dark: bool
) -> dict[str, object]:
    """Return the script's measurements of a copy of the page."""
    html = page.read_text(encoding="utf-8")
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    copy = page.with_name(f"measured-{page.name}")
    copy.write_text(html.replace("</head>", f"{MEASURE_SCRIPT}</head>"), "utf-8")
    dom = _dump_dom(
        copy,
        chromium,
        profile,
        f"--window-size={width},900",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
    )
    match = re.search(r'<pre id="layout">(.*?)</pre>', dom, re.DOTALL)
    assert match, dom[-2000:]
    return json.loads(unescape(match[1]))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [500, 600, 1200])
def test_page_loads_all_charts_and_nothing_overflows(
    folder: Path, chromium: str, tmp_path: Path, width: int, dark: bool
) -> None:
    page = folder / publishing.PAGE
    layout = _measure(page, chromium, tmp_path, width=width, dark=dark)
    ending = "-dark.png" if dark else ".png"
    names = [f"{name}{ending}" for name in ("trials", "targets", "flow")]
    assert layout["width"] == width
    assert sorted(layout["images"]) == sorted([name, 1120] for name in names)
    assert layout["overflows"] == []
    background = "rgb(18, 22, 26)" if dark else "rgb(238, 241, 244)"
    assert layout["background"] == background
    assert layout["title"] == f"Trial report {sample_report.DATA_DATE}"


def test_measurement_detects_overflow_and_missing_images(
    folder: Path, chromium: str, tmp_path: Path
) -> None:
    html = (folder / publishing.PAGE).read_text(encoding="utf-8")
    broken = folder / "broken.html"
    html = html.replace("overflow-wrap: anywhere", "").replace('"flow.png"', '"no.png"')
    broken.write_text(html, encoding="utf-8")
    layout = _measure(broken, chromium, tmp_path, width=600, dark=False)
    assert layout["overflows"]
    assert ["no.png", 0] in layout["images"]


@pytest.mark.parametrize("page", ["mail.html", "failed.html"])
def test_mails_do_not_overflow(
    folder: Path, chromium: str, tmp_path: Path, page: str
) -> None:
    layout = _measure(folder / page, chromium, tmp_path, width=600, dark=False)
    assert layout["overflows"] == []
    assert all(width for _, width in layout["images"])
    assert len(layout["images"]) == (3 if page == "mail.html" else 0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [500, 1200])
def test_history_shows_all_its_parts_and_nothing_overflows(
    folder: Path, chromium: str, tmp_path: Path, width: int, dark: bool
) -> None:
    path = folder / "history.html"
    layout = _measure(path, chromium, tmp_path, width=width, dark=dark)
    assert layout["overflows"] == []
    assert layout["images"] == []
    assert layout["title"] == "Run history prod/v1"
    assert layout["background"] == ("rgb(18, 22, 26)" if dark else "rgb(238, 241, 244)")
    assert {"model 600", "failed 900", "archive 0"} <= set(layout["bars"])


def test_page_blocks_scripts(folder: Path, chromium: str, tmp_path: Path) -> None:
    html = (folder / publishing.PAGE).read_text(encoding="utf-8")
    copy = folder / "attacked.html"
    script = "<script>document.title = 'hacked'</script>"
    copy.write_text(html.replace("</body>", f"{script}</body>"), encoding="utf-8")
    dom = _dump_dom(copy, chromium, tmp_path)
    assert f"<title>Trial report {sample_report.DATA_DATE}</title>" in dom
