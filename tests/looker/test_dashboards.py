"""Dashboards: fields resolve, filters apply, and tiles do not overlap."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from loaders.errors import ConfigError
from looker.generate import dashboard_spec, dashboards
from looker.generate.dashboard_spec import COLUMNS
from tests.looker.lookml import LookmlProject
from tests.nightly.project import SOURCE

FIELDS = {
    "visits": {"visits.day": "dimension", "visits.count": "count"}
    | {"visits.users": "count_distinct", "orgs.name": "dimension"}
}
VIEWS = {"visits": ["visits", "orgs"]}


def test_fields_of_tiles_and_filters_exist(lookml_project: LookmlProject) -> None:
    assert len(lookml_project.dashboards) == 4
    for dashboard, tile in lookml_project.tiles():
        names = [*tile["fields"], *tile.get("pivots", []), *tile.get("filters", {})]
        names += [*tile["listen"].values()] if "listen" in tile else []
        names += [sort.split()[0] for sort in tile.get("sorts", [])]
        for name in names:
            assert lookml_project.field(tile["explore"], name), name
        assert set(tile.get("listen", {})) <= {
            each["name"] for each in dashboard["filters"]
        }
        assert tile["model"] == lookml_project.manifest["project_name"]
    for dashboard in lookml_project.dashboards.values():
        for each in dashboard["filters"]:
            assert lookml_project.field(each["explore"], each["field"])


def test_tiles_fill_the_grid_without_overlap(lookml_project: LookmlProject) -> None:
    for dashboard in lookml_project.dashboards.values():
        assert dashboard["layout"] == "newspaper"
        cells: dict[tuple[int, int], str] = {}
        for tile in dashboard["elements"]:
            assert tile["col"] + tile["width"] <= COLUMNS
            for row in range(tile["row"], tile["row"] + tile["height"]):
                for column in range(tile["col"], tile["col"] + tile["width"]):
                    assert (row, column) not in cells, tile["title"]
                    cells[row, column] = tile["title"]
        rows = {row for row, _ in cells}
        assert rows == set(range(len(rows)))
        assert len(cells) == len(rows) * COLUMNS, dashboard["dashboard"]


def test_tiles_of_a_dashboard_can_be_filtered(lookml_project: LookmlProject) -> None:
    for name, dashboard in lookml_project.dashboards.items():
        assert dashboard["crossfilter_enabled"] is True
        heard = {
            each for tile in dashboard["elements"] for each in tile.get("listen", {})
        }
        assert heard == {each["name"] for each in dashboard["filters"]}, name


def test_every_tile_can_be_drilled_and_explains_itself(
    lookml_project: LookmlProject,
) -> None:
    for _, tile in lookml_project.tiles():
        fields = [
            lookml_project.field(tile["explore"], each) for each in tile["fields"]
        ]
        measures = [each for each in fields if each.kind == "measure"]
        assert all(each.lookml["drill_fields"] for each in measures)
        assert measures or tile["type"] == "looker_grid"
        assert tile["note_text"].endswith(".")


def test_snapshots_are_limited_to_a_date_or_a_period(
    lookml_project: LookmlProject,
) -> None:
    for dashboard, tile in lookml_project.tiles():
        explore = tile["explore"]
        if "conditionally_filter" in lookml_project.explores[explore]:
            defaults = {e["name"]: e["default_value"] for e in dashboard["filters"]}
            dated = {
                own for name, own in tile.get("listen", {}).items() if defaults[name]
            }
            unless = lookml_project.explores[explore]["conditionally_filter"]["unless"]
            newest = tile.get("filters", {}).get(f"{explore}.is_newest") == "yes"
            assert newest or dated & set(unless), tile["title"]


def test_exposures_name_the_tables_of_each_dashboard(
    lookml_project: LookmlProject,
) -> None:
    exposures = {
        each["name"]: set(each["depends_on"])
        for path in (SOURCE / "models").rglob("*__exposures.yml")
        for each in yaml.safe_load(path.read_text(encoding="utf-8"))["exposures"]
    }
    used: dict[str, set[str]] = {}
    for dashboard, tile in lookml_project.tiles():
        names = [*tile["fields"], *tile.get("filters", {})]
        views = {tile["explore"], *(name.partition(".")[0] for name in names)}
        used.setdefault(dashboard["dashboard"], set()).update(views)
    marts = {path.stem for path in (SOURCE / "models").rglob("*.sql")}
    for name, views in used.items():
        assert exposures[f"looker_{name}"] == {
            f"ref('{view}')" if view in marts else f"source('ops', '{view}')"
            for view in views
        }


def _spec(**tile: Any) -> dict[str, Any]:  # noqa: ANN401 - any key of a tile
    content = {"title": "Visits", "kind": "looker_line", "width": 12, "note": "Visits."}
    content |= {"explore": "visits", "fields": ["day", "count"]}
    filters = {"Name": {"fields": ["orgs.name"], "default": "Acme"}}
    return {
        "title": "Visits",
        "description": "Visits by day.",
        "filters": filters,
        "rows": [{"height": 4, "tiles": [content | tile]}],
    }


def _read(folder: Path, spec: dict[str, Any]) -> dashboard_spec.Dashboard:
    (folder / "visits.yml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    (dashboard,) = dashboard_spec.read_dashboards(folder, VIEWS)
    return dashboard


@pytest.mark.parametrize(
    ("tile", "message"),
    [
        ({"width": 25}, "25 columns wide"),
        ({"kind": "pie"}, "pie is not one of"),
        ({"explore": "orgs"}, "no explore orgs"),
        ({"filter": {}}, "unknown key filter"),
        ({"fields": "day"}, "fields must be a list"),
        ({"width": "wide"}, "width must be a whole number"),
        ({"note": ""}, "it has no note"),
        ({"fields": ["day", "hosts"]}, r"uses visits\.hosts"),
        ({"sorts": ["hosts desc"]}, r"uses visits\.hosts"),
        ({"where": {"hosts": ">1"}}, r"uses visits\.hosts"),
        ({"pivots": ["users"]}, r"uses visits\.users"),
        ({"ignores": ["Name"]}, "no tile has a field of the filter Name"),
    ],
)
def test_invalid_dashboard_is_rejected(
    tmp_path: Path, tile: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        dashboards.render(_read(tmp_path, _spec(**tile)), FIELDS)


@pytest.mark.parametrize(
    ("fields", "dimensions", "filters"),
    [
        (["day", "count"], ["visits.day", "orgs.name"], []),
        (["day", "users"], ["visits.day"], [[{"orgs.name": "Acme"}]]),
    ],
)
def test_aggregate_table_keeps_what_its_measures_allow(
    tmp_path: Path, fields: list[str], dimensions: list[str], filters: list[Any]
) -> None:
    dashboard = _read(tmp_path, _spec(fields=fields))
    (table,) = dashboards.aggregate_tables([dashboard], FIELDS)["visits"]
    assert table["name"] == "visits__visits"
    assert table["query"]["dimensions"] == dimensions
    assert table["query"].get("filters__all", []) == filters
