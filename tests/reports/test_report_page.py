"""The page as a browser shows it: every picture loaded, no text cut off or spilled.

A copy of the page gets a script that measures it and writes what it found into the
document, which headless Chromium prints.
"""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from reports.morning import charts as pictures
from reports.morning import publishing as edition
from reports.morning import rendering
from reports.morning.publishing import Edition
from tests.reports import sample_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars"),
    "--virtual-time-budget=5000",
]
PATIENCE_SECONDS = 120
MEASURE = """
<script>
addEventListener("load", () => {
  const found = {pictures: [], spilled: [], dark: null, width: innerWidth};
  for (const image of document.images) {
    found.pictures.push([image.currentSrc.split("/").pop(), image.naturalWidth]);
  }
  const sheet = document.querySelector(".sheet").getBoundingClientRect();
  if (document.documentElement.scrollWidth > innerWidth) found.spilled.push("page");
  for (const element of document.querySelectorAll(".sheet *")) {
    const box = element.getBoundingClientRect();
    if (!box.width && !box.height) continue;
    const said = element.tagName + " " + element.textContent.trim().slice(0, 50);
    const is_beside = box.right > sheet.right + 1 || box.left < sheet.left - 1;
    const is_block = ["TD", "TH", "P", "LI", "H1", "H2"].includes(element.tagName);
    const is_cut = is_block && element.scrollWidth > element.clientWidth + 1;
    if (is_beside || is_cut) found.spilled.push(said);
  }
  found.dark = getComputedStyle(document.body).backgroundColor;
  found.title = document.title;
  const told = document.createElement("pre");
  told.id = "measured";
  told.textContent = JSON.stringify(found);
  document.body.append(told);
});
</script>
"""


@pytest.fixture(scope="module")
def chromium() -> str:
    """Return the browser's path."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    return CHROMIUM


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a report full of hostile names."""
    report = sample_report.report()
    made = Edition(report, pictures.draw(report), sample_report.WRITTEN_AT)
    target = tmp_path_factory.mktemp("report")
    edition.write_folder(made, target)
    letter = edition.letter(made, f"s3://archive/{'long-' * 60}/index.html")
    mail = letter.html
    for content_id, png in letter.pictures.items():
        name = f"cid-{content_id.partition('.')[0]}.png"
        (target / name).write_bytes(png)
        mail = mail.replace(f"cid:{content_id}", name)
    (target / "mail.html").write_text(mail, encoding="utf-8")
    failed = rendering.notice("failed.html", sample_report.FAILED)
    (target / "failed.html").write_text(failed, encoding="utf-8")
    return target


def measure(
    page: Path, chromium: str, profile: Path, *, width: int, dark: bool
) -> dict[str, object]:
    """Return what the script found on a copy of the page."""
    html = page.read_text(encoding="utf-8")
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    copy = page.with_name(f"measured-{page.name}")
    copy.write_text(html.replace("</head>", f"{MEASURE}</head>"), encoding="utf-8")
    told = subprocess.run(
        [
            *(chromium, *QUIET, f"--user-data-dir={profile}"),
            f"--window-size={width},900",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            *("--dump-dom", copy.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    match = re.search(r'<pre id="measured">(.*?)</pre>', told.stdout, re.DOTALL)
    assert match, told.stderr[-2000:]
    return json.loads(unescape(match[1]))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [500, 600, 1200])
def test_the_page_shows_all_its_pictures_and_spills_nothing(
    folder: Path, chromium: str, tmp_path: Path, width: int, dark: bool
) -> None:
    found = measure(folder / edition.PAGE, chromium, tmp_path, width=width, dark=dark)
    ending = "-dark.png" if dark else ".png"
    names = [f"{name}{ending}" for name in ("trials", "targets", "flow")]
    assert found["width"] == width
    assert sorted(found["pictures"]) == sorted([name, 1120] for name in names)
    assert found["spilled"] == []
    assert found["dark"] == ("rgb(18, 22, 26)" if dark else "rgb(238, 241, 244)")
    assert found["title"] == f"Trials of {sample_report.DATA_DATE}"


def test_what_is_wrong_is_found(folder: Path, chromium: str, tmp_path: Path) -> None:
    html = (folder / edition.PAGE).read_text(encoding="utf-8")
    broken = folder / "broken.html"
    html = html.replace("overflow-wrap: anywhere", "").replace('"flow.png"', '"no.png"')
    broken.write_text(html, encoding="utf-8")
    found = measure(broken, chromium, tmp_path, width=600, dark=False)
    assert found["spilled"]
    assert ["no.png", 0] in found["pictures"]


@pytest.mark.parametrize("page", ["mail.html", "failed.html"])
def test_mails_spill_nothing(
    folder: Path, chromium: str, tmp_path: Path, page: str
) -> None:
    found = measure(folder / page, chromium, tmp_path, width=600, dark=False)
    assert found["spilled"] == []
    assert all(width for _, width in found["pictures"])
    assert len(found["pictures"]) == (3 if page == "mail.html" else 0)


def test_the_page_allows_no_script_to_run(
    folder: Path, chromium: str, tmp_path: Path
) -> None:
    html = (folder / edition.PAGE).read_text(encoding="utf-8")
    copy = folder / "attacked.html"
    script = "<script>document.title = 'hacked'</script>"
    copy.write_text(html.replace("</body>", f"{script}</body>"), encoding="utf-8")
    told = subprocess.run(
        [chromium, *QUIET, f"--user-data-dir={tmp_path}", "--dump-dom", copy.as_uri()],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert f"<title>Trials of {sample_report.DATA_DATE}</title>" in told.stdout
