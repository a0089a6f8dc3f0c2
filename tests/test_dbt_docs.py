"""dbt's catalog, opened as a person would: generated, served, and in a browser."""

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

from tests.finished_company import Finished

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
ARGUMENTS += ["--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync"]
# The page draws its graph a while after it has loaded; the browser's clock runs ahead.
VIRTUAL_MILLISECONDS = 30_000
PATIENCE_SECONDS = 180
MODEL = "model.nightshift.sf_trial_metrics"
SYNC = "exposure.nightshift.salesforce_trial_metrics_sync"
PARENT = "model.nightshift.int_trial_metrics_for_salesforce"
Opened = Callable[[str], "Page"]


class Page(HTMLParser):
    """A page as the browser had it in the end: links by part, drawings, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: dict[str, list[str]] = defaultdict(list)
        self.drawings: list[int] = []
        self.words = ""
        self._part = ""
        self._is_code = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where a part begins, a link's address, and a drawing's width."""
        given = dict(attrs)
        self._is_code = tag in ("script", "style")
        self._part = given.get("id") or self._part
        if tag == "a" and given.get("href"):
            self.links[self._part].append(str(given["href"]))
        if tag == "canvas":
            self.drawings.append(int(given.get("width") or 0))

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or a style."""
        self._is_code = False

    def handle_data(self, data: str) -> None:
        """Gather what can be read."""
        if not self._is_code:
            self.words += f" {data}"


@pytest.fixture(scope="module")
def browser() -> str:
    """Return the path of a browser, or skip and say how to get one."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    pytest.skip(f"no {' or '.join(BROWSERS)} here: apt-get install chromium")


@pytest.fixture(scope="module")
def address(finished_company: Finished) -> Iterator[str]:
    """Give the address of a finished company's catalog, served as `make docs` does."""
    project = finished_company.project
    ended = project.dbt("docs", "generate")
    ended.require(0)
    port = _free_port()
    line = ["docs", "serve", "--port", str(port), "--no-browser"]
    with subprocess.Popen(
        [sys.executable, "-m", "dbt.cli.main", *line],
        cwd=project.folder,
        env=project.environment_with(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            yield _when_up(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def opened(
    browser: str, address: str, tmp_path_factory: pytest.TempPathFactory
) -> Opened:
    """Return a function that opens a place of the catalog in the browser."""

    def opens(place: str) -> Page:
        profile = tmp_path_factory.mktemp("browser")
        ended = subprocess.run(
            [
                *(browser, *ARGUMENTS, f"--user-data-dir={profile}"),
                f"--virtual-time-budget={VIRTUAL_MILLISECONDS}",
                *("--dump-dom", f"{address}/{place}"),
            ],
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
        return Page(ended.stdout)

    return opens


def test_the_lineage_of_what_salesforce_gets_is_found(opened: Opened) -> None:
    page = opened(f"#!/model/{MODEL}?g_v=1")
    (parent,) = page.links["depends_on"]
    assert parent.startswith(f"#!/model/{PARENT}")
    assert any(link.startswith("#!/test/") for link in page.links["referenced_by"])
    assert max(page.drawings, default=0) > 0, "the lineage graph is not drawn"


def test_the_sync_hangs_on_it(opened: Opened) -> None:
    page = opened(f"#!/exposure/{SYNC}")
    links = [link for part in page.links.values() for link in part]
    assert any(link.startswith(f"#!/model/{MODEL}") for link in links)
    assert "Sales operations" in page.words


def test_columns_are_described_and_typed_by_the_warehouse(opened: Opened) -> None:
    words = opened(f"#!/model/{MODEL}").words
    assert "target_attainment__c" in words
    assert re.search(r"DECIMAL\(5,\s*1\)", words, re.IGNORECASE)
    assert "not found" not in words.lower()


def test_the_catalog_holds_every_table_of_the_night(
    address: str, finished_company: Finished
) -> None:
    catalog = requests.get(f"{address}/catalog.json", timeout=30).json()
    built = finished_company.project.rows(
        "select distinct model from ops.model_runs where status = 'success'"
    )
    found = {name.rpartition(".")[2] for name in catalog["nodes"]}
    assert {each["model"] for each in built} <= found


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def _when_up(address: str) -> str:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            requests.get(f"{address}/index.html", timeout=5).raise_for_status()
        except requests.RequestException:
            time.sleep(0.5)
        else:
            return address
    raise TimeoutError(f"dbt docs serve does not answer at {address}")
