"""Each rule of the LookML's style finds LookML that breaks it."""

import copy
from collections.abc import Callable

import pytest

from tests.looker import test_style as style
from tests.looker.lookml import Lookml, LookmlProject

VIEW = "big_customer_usage"
Change = Callable[[LookmlProject], object]


def _field(project: LookmlProject, kind: str, name: str) -> Lookml:
    (field,) = (each for each in project.views[VIEW][kind] if each["name"] == name)
    return field


def _hosts(**changes: object) -> Change:
    return lambda project: _field(project, "dimensions", "hosts").update(changes)


def _day(**changes: object) -> Change:
    return lambda project: _field(project, "dimension_groups", "metric").update(changes)


def _customers(**changes: object) -> Change:
    return lambda project: _field(project, "measures", "customers").update(changes)


def _view(**changes: object) -> Change:
    return lambda project: dict.update(project.views[VIEW], changes)


def _explore(**changes: object) -> Change:
    return lambda project: project.explores[VIEW].update(changes)


def _join(**changes: object) -> Change:
    return lambda project: project.explores[VIEW]["joins"][0].update(changes)


BROKEN: list[tuple[Callable[[LookmlProject], style.Places], Change]] = [
    (style.names_are_in_snake_case, _hosts(name="Hosts")),
    (
        style.the_primary_key_comes_first,
        lambda project: project.views[VIEW]["dimensions"].reverse(),
    ),
    (style.tables_are_named_by_constants, _view(sql_table_name="marts.usage")),
    (
        style.tables_are_named_by_constants,
        _view(sql_table_name="", derived_table={"sql": "select * from @{A}.b"}),
    ),
    (style.fields_have_labels, _hosts(label="hosts")),
    (style.fields_have_labels, _hosts(label="Org Name")),
    (style.labels_say_what_it_is, _customers(label="Rows")),
    (style.labels_say_what_it_is, _day(label="Metric")),
    (style.equal_columns_have_equal_labels, _hosts(label="Number of Hosts")),
    (style.descriptions_are_for_readers, _hosts(description="Like max_hosts.")),
    (style.descriptions_are_for_readers, _hosts(description="See `orgs`.")),
    (style.descriptions_are_for_readers, _explore(description="No full stop")),
    (style.booleans_are_questions, _hosts(type="yesno")),
    (style.groups_of_dates_are_named_without_date, _day(label="Date")),
    (style.groups_of_dates_are_named_without_date, _day(name="metric_date")),
    (style.dates_are_not_converted, _day(convert_tz="yes")),
    (style.dates_are_not_converted, _day(timeframes=["date"])),
    (style.numbers_have_a_format, _hosts(value_format_name="decimal_9")),
    (style.numbers_have_a_format, _customers(value_format_name="")),
    (style.measures_refer_to_fields, _customers(sql="${TABLE}.org_id")),
    (style.measures_can_be_drilled, _customers(drill_fields=[])),
    (style.measures_can_be_drilled, _view(sets=[{"name": "a", "fields": ["hosts"]}])),
    (style.divisions_cannot_fail, _customers(sql="${hosts} / ${metrics}")),
    (style.explores_are_described, _explore(description="Usage.")),
    (style.joins_are_explicit, _join(relationship="one_to_many")),
    (style.joins_are_explicit, _join(type="full_outer")),
    (style.joins_are_explicit, _join(sql_on="${a.metric_date} = ${b.metric_date}")),
    (style.snapshots_are_filtered, _explore(conditionally_filter={})),
    (style.personal_data_needs_the_grant, _hosts(required_access_grants=["other"])),
]


@pytest.mark.parametrize(("rule", "change"), BROKEN)
def test_rule_finds_what_breaks_it(
    rule: Callable[[LookmlProject], style.Places],
    change: Change,
    lookml_project: LookmlProject,
) -> None:
    broken = copy.deepcopy(lookml_project)
    change(broken)
    found = list(rule(broken))
    assert found and all(
        "big_customer_usage" in each or "osts" in each for each in found
    )
