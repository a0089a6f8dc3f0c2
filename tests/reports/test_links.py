"""The report's links to Looker name explores and fields that exist there."""

from datetime import date
from urllib.parse import parse_qs, urlsplit

import lkml
import pytest

from loaders.config.settings import PROJECT
from reports.morning.links import EXPLORES, Links

LOOKER = PROJECT / "looker"
LINKS = Links(date(2026, 11, 24), looker_url="https://acme.cloud.looker.com/")


def _fields(view: str) -> set[str]:
    """Return the names of a view's visible dimensions."""
    path = LOOKER / "views" / f"{view}.view.lkml"
    (lookml,) = lkml.load(path.read_text(encoding="utf-8"))["views"]
    dimensions = lookml["dimensions"]
    groups = lookml.get("dimension_groups", [])
    return {each["name"] for each in dimensions if each.get("hidden") != "yes"} | {
        f"{group['name']}_{frame}" for group in groups for frame in group["timeframes"]
    }


@pytest.mark.parametrize("name", EXPLORES)
def test_link_has_only_fields_of_its_explore(name: str) -> None:
    model = lkml.load((LOOKER / "nightshift.model.lkml").read_text(encoding="utf-8"))
    assert name in {explore["name"] for explore in model["explores"]}
    url = LINKS.org(1001) if name == "org_activity" else LINKS.mart(name)
    parts = urlsplit(url)
    assert parts.path == f"/explore/nightshift/{name}"
    query = parse_qs(parts.query, strict_parsing=True)
    (fields,), (sorts,) = query["fields"], query["sorts"]
    filters = [key[2:-1] for key in query if key.startswith("f[")]
    used = {*fields.split(","), *filters, sorts.split()[0]}
    assert {field.partition(".")[0] for field in used} == {name}
    assert {field.partition(".")[2] for field in used} <= _fields(name)
    assert len(filters) == (2 if name == "org_activity" else 1)


def test_links_of_an_org_show_its_last_four_weeks() -> None:
    query = parse_qs(urlsplit(LINKS.org(-7)).query)
    assert query["f[org_activity.org_id]"] == ["-7"]
    # Looker leaves out the second date.
    assert query["f[org_activity.metric_date]"] == ["2026-10-28 to 2026-11-25"]
