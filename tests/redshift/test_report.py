"""The morning report is the same on Redshift as on DuckDB."""

import re
from pathlib import Path

import pytest

from tests.nightly.project import Project
from tests.redshift.conftest import WORLD, Backfills

pytestmark = pytest.mark.slow


def _comparable_page(project: Project) -> str:
    """Return the page up to its data, without styles, links and locations."""
    arguments = ("report", "--date", WORLD.until, "--json")
    page = Path(project.nightshift(*arguments).expect(0).json["page"])
    html = page.read_text(encoding="utf-8").partition("Generated 2")[0]
    html = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    html = re.sub(r"Nightshift · [^<]+", "", html)
    return re.sub(r'href="[^"]+"', "", html)


def test_report_page_is_the_same_on_both_warehouses(backfills: Backfills) -> None:
    duckdb_page = _comparable_page(backfills.duckdb)
    redshift_page = _comparable_page(backfills.redshift)
    assert "Trials worth a call" in duckdb_page
    assert redshift_page.splitlines() == duckdb_page.splitlines()
