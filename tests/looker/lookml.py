"""The LookML project as Looker sees it: views, explores, tests and dashboards."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lkml
import yaml

from tests.nightly.project import SOURCE

LOOKER = SOURCE / "looker"
FIELD = re.compile(r"\$\{(?!TABLE\})(?:(\w+)\.)?(\w+)\}")
COLUMN = re.compile(r"\$\{TABLE\}\.(\w+)")
LIQUID_FIELD = re.compile(r"\{\{\s*(\w+\.\w+)\._value")
Lookml = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """A field of a view; `kind` is dimension, timeframe or measure."""

    kind: str
    lookml: Lookml
    timeframe: str = ""


@dataclass(frozen=True)
class LookmlProject:
    """The parsed files of the folder `looker`."""

    model: Lookml
    manifest: Lookml
    views: Mapping[str, Lookml]
    tests: list[Lookml]
    dashboards: Mapping[str, Lookml]

    @property
    def explores(self) -> dict[str, Lookml]:
        """Return the explores by name."""
        return {each["name"]: each for each in self.model["explores"]}

    def aliases(self, explore: str) -> dict[str, str]:
        """Return the view behind each name in an explore, its own view first."""
        joins = self.explores[explore].get("joins", [])
        joined = {join["name"]: join.get("from", join["name"]) for join in joins}
        return {explore: explore, **joined}

    def field(self, explore: str, name: str) -> Field:
        """Return the field `view.field` of an explore; KeyError if there is none."""
        alias, _, field = name.partition(".")
        return fields_of(self.views[self.aliases(explore)[alias]])[field]

    def tiles(self) -> Iterator[tuple[Lookml, Lookml]]:
        """Yield each dashboard with each of its tiles."""
        for dashboard in self.dashboards.values():
            for tile in dashboard["elements"]:
                yield dashboard, tile


def read_project(folder: Path = LOOKER) -> LookmlProject:
    """Return the checked-in LookML, parsed."""
    views = [
        view
        for path in sorted((folder / "views").glob("*.view.lkml"))
        for view in _parse(path)["views"]
    ]
    dashboards = [
        dashboard
        for path in sorted((folder / "dashboards").glob("*.dashboard.lookml"))
        for dashboard in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]
    return LookmlProject(
        model=_parse(folder / "nightshift.model.lkml"),
        manifest=_parse(folder / "manifest.lkml"),
        views={view["name"]: view for view in views},
        tests=_parse(folder / "data_tests.lkml")["tests"],
        dashboards={each["dashboard"]: each for each in dashboards},
    )


def fields_of(view: Lookml) -> dict[str, Field]:
    """Return the fields of a view by name, one per timeframe of a dimension group."""
    fields = {each["name"]: Field("dimension", each) for each in view["dimensions"]}
    for group in view.get("dimension_groups", []):
        for frame in group["timeframes"]:
            name = f"{group['name']}_{frame}"
            fields[name] = Field("timeframe", group, frame)
    measures = {each["name"]: Field("measure", each) for each in view["measures"]}
    return fields | measures


def primary_key(view: Lookml) -> Lookml:
    """Return the dimension that is a view's primary key."""
    (key,) = (each for each in view["dimensions"] if each.get("primary_key") == "yes")
    return key


def filters_of(lookml: Lookml) -> dict[str, str]:
    """Return the filters of a measure, a test or an aggregate table."""
    return {
        name: value
        for filters in lookml.get("filters__all", [])
        for each in filters
        for name, value in each.items()
    }


def _parse(path: Path) -> Lookml:
    return lkml.load(path.read_text(encoding="utf-8"))
