"""The report of a night tells the same on a cluster as on one machine."""

import re
from pathlib import Path

import pytest

from tests.nightly.project import Project
from tests.redshift.conftest import WORLD, Nights

pytestmark = pytest.mark.slow


def _told(project: Project) -> str:
    """Return the page's text up to the models' seconds, without names of places."""
    line = ("report", "--date", WORLD.until, "--json")
    page = Path(project.nightshift(*line).require(0).json["page"])
    html = page.read_text(encoding="utf-8").partition("Slowest models")[0]
    html = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    html = re.sub(r"Nightshift · [^<]+|[0-9]+ tests passed", "", html)
    return re.sub(r'href="[^"]+"', "", html)


def test_the_page_is_the_same_on_both(nights: Nights) -> None:
    local, cluster = _told(nights.local), _told(nights.cluster)
    assert "Trials worth a call" in local
    assert cluster.splitlines() == local.splitlines()
