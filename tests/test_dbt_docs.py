"""The dbt docs site: generated, served, and rendered in a headless browser."""

import re
import shutil
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import pytest
import requests

from tests.shared_project import SharedProject

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
BROWSER_OPTIONS += ["--no-first-run", "--disable-background-networking"]
BROWSER_OPTIONS += ["--disable-component-update", "--disable-sync"]
# The page draws the lineage graph some time after loading. Virtual time skips the wait.
VIRTUAL_MILLISECONDS = 30_000
TIMEOUT_SECONDS = 180
MODEL = "model.nightshift.sf_trial_metrics"
EXPOSURE = "exposure.nightshift.salesforce_trial_metrics_sync"
PARENT = "model.nightshift.sf_trial_metrics_by_date"

pytestmark = pytest.mark.slow  # dbt needs most of a minute to write its pages

OpenPage = Callable[[str], "Page"]


class Page(HTMLParser):
    """A rendered page: links by enclosing element id, canvas widths, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: dict[str, list[str]] = defaultdict(list)
        self.canvas_widths: list[int] = []
        self.text = ""
        self._element_id = ""
        self._is_code = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record element ids, link targets and canvas widths."""
        attributes = dict(attrs)
        self._is_code = tag in ("script", "style")
        self._element_id = attributes.get("id") or self._element_id
        if tag == "a" and attributes.get("href"):
            self.links[self._element_id].append(str(attributes["href"]))
        if tag == "canvas":
            self.canvas_widths.append(int(attributes.get("width") or 0))

    def handle_endtag(self, tag: str) -> None:
        """Resume collecting text after a script or style element."""
        self._is_code = False

    def handle_data(self, data: str) -> None:
        """Collect visible text."""
        if not self._is_code:
            self.text += f" {data}"


@pytest.fixture(scope="module")
def browser() -> str:
    """Return the path of a browser, or skip the test."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    pytest.skip("No browser was found. Install one: apt-get install chromium")


@pytest.fixture(scope="module")
def address(shared_project: SharedProject) -> Iterator[str]:
    """Yield the address of the docs site of the shared project."""
    project = shared_project.project
    project.dbt("docs", "generate").expect(0)
    port = _free_port()
    arguments = ["docs", "serve", "--port", str(port), "--no-browser"]
    with subprocess.Popen(
        [sys.executable, "-m", "dbt.cli.main", *arguments],
        cwd=project.folder,
        env=project.environment_with(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            yield _wait_until_served(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def open_page(
    browser: str, address: str, tmp_path_factory: pytest.TempPathFactory
) -> OpenPage:
    """Return a function that renders a location of the docs site in the browser."""

    def render(location: str) -> Page:
        profile = tmp_path_factory.mktemp("browser")
        rendered = subprocess.run(
            [
                *(browser, *BROWSER_OPTIONS, f"--user-data-dir={profile}"),
                f"--virtual-time-budget={VIRTUAL_MILLISECONDS}",
                *("--dump-dom", f"{address}/{location}"),
            ],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
        return Page(rendered.stdout)

    return render


def test_model_page_shows_lineage(open_page: OpenPage) -> None:
    page = open_page(f"#!/model/{MODEL}?g_v=1")
    (parent,) = page.links["depends_on"]
    assert parent.startswith(f"#!/model/{PARENT}")
    assert any(link.startswith("#!/test/") for link in page.links["referenced_by"])
    assert max(page.canvas_widths, default=0) > 0, "the lineage graph is not drawn"


def test_exposure_page_links_to_its_model(open_page: OpenPage) -> None:
    page = open_page(f"#!/exposure/{EXPOSURE}")
    links = [link for element in page.links.values() for link in element]
    assert any(link.startswith(f"#!/model/{MODEL}") for link in links)
    assert "Sales operations" in page.text


def test_model_page_shows_columns_with_types(open_page: OpenPage) -> None:
    text = open_page(f"#!/model/{MODEL}").text
    assert "target_attainment__c" in text
    assert re.search(r"DECIMAL\(38,\s*1\)", text, re.IGNORECASE)
    assert "not found" not in text.lower()


def test_catalog_contains_every_built_model(
    address: str, shared_project: SharedProject
) -> None:
    catalog = requests.get(f"{address}/catalog.json", timeout=30).json()
    built = shared_project.project.rows(
        "select distinct model from ops.model_runs where status = 'success'"
    )
    in_catalog = {name.rpartition(".")[2] for name in catalog["nodes"]}
    assert {row["model"] for row in built} <= in_catalog


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_served(address: str) -> str:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        try:
            requests.get(f"{address}/index.html", timeout=5).raise_for_status()
        except requests.RequestException:
            time.sleep(0.5)
        else:
            return address
    raise TimeoutError(f"dbt docs serve is not reachable at {address}.")
