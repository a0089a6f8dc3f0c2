"""The rules of looker/README.md hold in the generated LookML.

Each rule yields the places where it is broken.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from loaders.config.dbt_project import project_vars
from looker.generate.fields import BUILT_IN_FORMATS, VALUE_FORMATS
from tests.looker.lookml import (
    COLUMN,
    FIELD,
    LOOKER,
    Field,
    LookmlProject,
    fields_of,
    filters_of,
    primary_key,
)
from tests.nightly.project import SOURCE

NAME = re.compile(r"[a-z][a-z0-9_]*")
SNAKE_CASE = re.compile(r"\b[a-z0-9]+_[a-z0-9_]+\b")
TIME_WORDS = ("date", "time", "at", "on", "week")
# Values of columns that descriptions explain.
VALUES_IN_DESCRIPTIONS = {"not_converted"}
Places = Iterator[str]


def _fields(project: LookmlProject) -> Iterator[tuple[str, str, Field]]:
    for view_name, view in project.views.items():
        for name, field in fields_of(view).items():
            yield f"{view_name}.{name}", name, field


def _visible(project: LookmlProject) -> Iterator[tuple[str, str, Field]]:
    for place, name, field in _fields(project):
        if field.lookml.get("hidden") != "yes":
            yield place, name, field


def names_are_in_snake_case(project: LookmlProject) -> Places:
    """Names of views, explores and fields are lower case with underscores."""
    names = [*project.views, *project.explores, *project.dashboards]
    names += [name for _, name, _ in _fields(project)]
    yield from (name for name in names if not NAME.fullmatch(name))


def a_file_holds_one_view_with_its_name(project: LookmlProject) -> Places:
    """Each view is alone in the file of its name."""
    for path in (LOOKER / "views").glob("*.lkml"):
        names = re.findall(r"^view: (\w+)", path.read_text("utf-8"), re.MULTILINE)
        if [f"{name}.view.lkml" for name in names] != [path.name]:
            yield path.name


def the_primary_key_comes_first(project: LookmlProject) -> Places:
    """Each view has exactly one primary key, its first dimension."""
    for name, view in project.views.items():
        if primary_key(view) is not view["dimensions"][0]:
            yield name


def tables_are_named_by_constants(project: LookmlProject) -> Places:
    """No schema is written out, and no `select *` reads columns that may change."""
    for name, view in project.views.items():
        text = view.get("sql_table_name") or view["derived_table"]["sql"]
        if "@{" not in text or "*" in text.replace("count(*)", ""):
            yield name


def fields_have_labels(project: LookmlProject) -> Places:
    """Visible fields have a label in words, which no other field of the view has."""
    for place, _, field in _visible(project):
        text = field.lookml.get("label", "")
        if not text[:1].isupper() or "_" in text:
            yield f"{place}: {text!r}"
    for name, view in project.views.items():
        labels = Counter(
            each["label"]
            for kind in ("dimensions", "dimension_groups", "measures")
            for each in view.get(kind, [])
            if each.get("hidden") != "yes"
        )
        yield from (f"{name}: {text}" for text, n in labels.items() if n > 1)


def labels_say_what_it_is(project: LookmlProject) -> Places:
    """No field is called by a word that could be any field."""
    vague = {"Rows", "Count", "Metric", "Generated", "Day", "Dt", "Value", "Name"}
    for place, _, field in _visible(project):
        if field.lookml["label"] in vague:
            yield f"{place}: {field.lookml['label']}"


def equal_columns_have_equal_labels(project: LookmlProject) -> Places:
    """Columns of several views have the same label in all of them."""
    labels: dict[str, set[str]] = {}
    for _, name, field in _visible(project):
        if field.kind != "measure" and field.lookml["type"] != "tier":
            labels.setdefault(name, set()).add(field.lookml["label"])
    different = {"is_newest", "orgs", "rejects"}  # about each table's own rows
    for name, found in labels.items():
        if len(found) > 1 and name not in different:
            yield f"{name}: {sorted(found)}"


def descriptions_are_for_readers(project: LookmlProject) -> Places:
    """Descriptions are sentences without the names of tables, columns or vars."""
    texts = {place: field.lookml["description"] for place, _, field in _fields(project)}
    texts |= {name: each["description"] for name, each in project.explores.items()}
    variables = project_vars().keys()
    for place, text in texts.items():
        names = set(SNAKE_CASE.findall(text)) - VALUES_IN_DESCRIPTIONS
        names |= {name for name in variables if re.search(rf"\bvar {name}\b", text)}
        if names or "`" in text or not text.endswith(".") or "  " in text:
            yield f"{place}: {text}"


def booleans_are_questions(project: LookmlProject) -> Places:
    """Yes/no fields begin with is or has."""
    for place, name, field in _fields(project):
        if field.lookml["type"] == "yesno" and not name.startswith(("is_", "has_")):
            yield place


def groups_of_dates_are_named_without_date(project: LookmlProject) -> Places:
    """Looker appends the timeframe to the name and label of a dimension group."""
    for view in project.views.values():
        for group in view.get("dimension_groups", []):
            last_words = {group["name"].split("_")[-1], group["label"].lower()}
            if last_words & set(TIME_WORDS):
                yield f"{view['name']}.{group['name']}"


def dates_are_not_converted(project: LookmlProject) -> Places:
    """Dates are those of the marts (UTC), and every group has the raw value."""
    for view in project.views.values():
        for group in view.get("dimension_groups", []):
            if group["convert_tz"] != "no" or "raw" not in group["timeframes"]:
                yield f"{view['name']}.{group['name']}"


def numbers_have_a_format(project: LookmlProject) -> Places:
    """Every number and measure has a value format that exists."""
    for place, _, field in _fields(project):
        if field.kind == "measure" or field.lookml["type"] == "number":
            name = field.lookml.get("value_format_name", "")
            if not BUILT_IN_FORMATS.fullmatch(name) and name not in VALUE_FORMATS:
                yield f"{place}: {name!r}"


def measures_refer_to_fields(project: LookmlProject) -> Places:
    """Measures read fields, not columns, but for personal data."""
    for view in project.views.values():
        personal = {
            each["name"]
            for each in view["dimensions"]
            if each.get("required_access_grants")
        }
        for measure in view["measures"]:
            columns = set(COLUMN.findall(measure.get("sql", "")))
            if columns - personal or (
                measure["type"] != "count" and not columns | _references(measure)
            ):
                yield f"{view['name']}.{measure['name']}"


def _references(measure: dict[str, str]) -> set[str]:
    return {name for _, name in FIELD.findall(measure.get("sql", ""))}


def measures_can_be_drilled(project: LookmlProject) -> Places:
    """Every visible measure has drill fields, and the drill set at least three."""
    for place, _, field in _visible(project):
        if field.kind == "measure" and not field.lookml.get("drill_fields"):
            yield place
    for name, view in project.views.items():
        if any(len(each["fields"]) < 3 for each in view["sets"]):
            yield name


def divisions_cannot_fail(project: LookmlProject) -> Places:
    """Measures divide by nullif(..., 0) only, and not in whole numbers."""
    for place, _, field in _fields(project):
        sql = field.lookml.get("sql", "")
        if "/" in sql and not re.search(r"^1\.0 \* .* / nullif\(.*, 0\)$", sql):
            yield place


def explores_are_described(project: LookmlProject) -> Places:
    """Every explore has a label and a description, which begins with its grain."""
    for name, explore in project.explores.items():
        if not explore["label"] or not explore["description"].startswith("One row per"):
            yield name


def joins_are_explicit(project: LookmlProject) -> Places:
    """Type and relationship of joins are stated; no row is repeated; dates are raw."""
    for name, explore in project.explores.items():
        for join in explore.get("joins", []):
            used = {field for _, field in FIELD.findall(join["sql_on"])}
            if (
                join["type"] != "left_outer"
                or join["relationship"] not in ("one_to_one", "many_to_one")
                or "TABLE" in join["sql_on"]
                or any(field.endswith("_date") for field in used)
            ):
                yield f"{name} to {join['name']}"


def snapshots_are_filtered(project: LookmlProject) -> Places:
    """Snapshots are filtered to the newest date unless the user chooses dates."""
    for name, view in project.views.items():
        fields = fields_of(view)
        if "is_newest" in fields:
            filters = filters_of(project.explores[name]["conditionally_filter"])
            if filters != {f"{name}.is_newest": "yes"}:
                yield name


def personal_data_needs_the_grant(project: LookmlProject) -> Places:
    """Fields require only grants that the model declares."""
    declared = {each["name"] for each in project.model["access_grants"]}
    for place, _, field in _fields(project):
        if not declared.issuperset(field.lookml.get("required_access_grants", ())):
            yield place


RULES: list[Callable[[LookmlProject], Places]] = [
    names_are_in_snake_case,
    a_file_holds_one_view_with_its_name,
    the_primary_key_comes_first,
    tables_are_named_by_constants,
    fields_have_labels,
    labels_say_what_it_is,
    equal_columns_have_equal_labels,
    descriptions_are_for_readers,
    booleans_are_questions,
    groups_of_dates_are_named_without_date,
    dates_are_not_converted,
    numbers_have_a_format,
    measures_refer_to_fields,
    measures_can_be_drilled,
    divisions_cannot_fail,
    explores_are_described,
    joins_are_explicit,
    snapshots_are_filtered,
    personal_data_needs_the_grant,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_lookml_follows(
    rule: Callable[[LookmlProject], Places], lookml_project: LookmlProject
) -> None:
    assert list(rule(lookml_project)) == []


def test_rules_are_written_down() -> None:
    readme = (SOURCE / "looker" / "README.md").read_text(encoding="utf-8")
    text = " ".join(readme.split())
    missing = [
        rule.__name__
        for rule in RULES
        if " ".join((rule.__doc__ or "?").split()) not in text
    ]
    assert missing == []
