"""`nightshift explain-org`: one number's way from file to CRM, checked end to end."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import requests

from reports.org import explain
from tests.finished_company import REFUSED_OBJECT, WORLD, Finished
from tests.nightly import salesforce_records
from tests.nightly.project import Ended, Project
from tests.reference import read_world

METRICS = ["hosts", "integrations", "dashboards", "metrics"]
VARIABLES = {
    "org_carry_forward_days": 7,
    "trial_period_days": 14,
    "extra_conversion_period_days": 30,
}


def _explain(finished: Finished, org: int, *options: str, **environment: str) -> Ended:
    line = ("explain-org", org, "--date", finished.data_date, *options)
    return finished.project.nightshift(*line, **environment)


@pytest.fixture(scope="module")
def org(finished_company: Finished) -> int:
    """Return the org of the best interesting trial that Salesforce has taken."""
    rows = finished_company.project.rows(
        "select org_id from marts.interesting_trials "
        "where generated_date = ? and cast(org_id as varchar) in "
        "(select key from ops.salesforce_rows) order by trial_rank limit 1",
        finished_company.data_date,
    )
    return rows[0]["org_id"]


@pytest.fixture(scope="module")
def story(finished_company: Finished, org: int) -> dict[str, Any]:
    """Return that org's story as --json tells it."""
    return _explain(finished_company, org, "--json").require(0).json


def test_raw_lines_are_those_of_the_objects(
    finished_company: Finished, org: int, story: dict[str, Any]
) -> None:
    wanted: Counter[tuple[str, str, str]] = Counter()
    for (source, dt), partition in read_world(finished_company.raw).partitions.items():
        for item in partition.objects:
            if source != "web_logs":
                lines = sum(row.org_id == org for row in item.rows)
                name = f"{source}/dt={dt}/{item.key.rpartition('/')[2]}"
                wanted[source, str(dt), name] += lines
    wanted += Counter()
    told = {
        (each["source"], each["dt"], "/".join(each["object_key"].split("/")[-3:])): each
        for each in story["raw_objects"]
    }
    found = {key: each["lines"] for key, each in told.items() if key[0] != "web_logs"}
    first = story["days"][0]
    assert found == {key: lines for key, lines in wanted.items() if key[1] >= first}
    assert all(0 <= each["counted"] <= each["lines"] for each in told.values())


def test_org_days_and_metrics_are_those_of_the_marts(
    finished_company: Finished, org: int, story: dict[str, Any]
) -> None:
    project, day = finished_company.project, finished_company.data_date
    (snapshot,) = project.rows(
        "select * from marts.fct_org_trial_metrics "
        "where org_id = ? and generated_date = ?",
        *(org, day),
    )
    told = story["trial_metrics"]
    assert told["hosts"] == snapshot["hosts"]
    assert told["median_hosts"] == float(snapshot["median_hosts"])
    assert told["trial_start_date"] == str(snapshot["trial_start_date"])
    days = project.rows(
        "select metric_date, hosts from marts.fct_org_day "
        "where org_id = ? and trial_start_date = ? order by metric_date",
        *(org, snapshot["trial_start_date"]),
    )
    assert [(each["metric_date"], each["hosts"]) for each in story["org_days"]] == [
        (str(each["metric_date"]), each["hosts"]) for each in days
    ]
    assert story["absence"] == ""


def test_attainment_is_explained_term_by_term(
    finished_company: Finished, story: dict[str, Any]
) -> None:
    targets = finished_company.project.rows(
        "select metric_name, median_value from marts.trial_target_metrics "
        "where generated_date = ? and cohort = 'converted'",
        finished_company.data_date,
    )
    wanted = {each["metric_name"]: float(each["median_value"]) for each in targets}
    told = story["target_attainment"]
    assert [term["metric"] for term in told["terms"]] == METRICS
    assert {term["metric"]: term["target"] for term in told["terms"]} == wanted
    shares = [min(1, term["value"] / term["target"]) for term in told["terms"]]
    assert [term["share"] for term in told["terms"]] == pytest.approx(shares)
    assert told["mean"] == pytest.approx(sum(shares) / 4)
    assert told["in_mart"] == pytest.approx(told["mean"])


def test_reasons_are_told_in_words(story: dict[str, Any]) -> None:
    assert story["reasons"]["reasons"]
    assert story["reasons"]["reasons_in_words"].endswith(".")
    assert story["reasons"]["trial_rank"] >= 1


def test_salesforce_holds_what_was_made_and_sent(
    finished_company: Finished, org: int, story: dict[str, Any]
) -> None:
    told = story["salesforce"]
    record = salesforce_records.records(finished_company.project)[str(org)]
    for name in ("hosts__c", "org_day__c", "target_attainment__c"):
        assert float(told["held"][name]) == float(record[name])
        assert float(told["held"][name]) == float(told["exported"][name])
        assert float(told["accepted"][name]) == float(record[name])
    assert told["held"]["interesting_reasons__c"] == story["reasons"]["reasons"]
    assert told["differences"] == []
    accepted = [each for each in told["history"] if each["code"] == "accepted"]
    assert accepted[-1]["salesforce_id"] == told["held"]["Id"]
    assert accepted[-1]["data_date"] == str(finished_company.data_date)


def test_the_page_leads_from_the_lines_to_the_record(
    finished_company: Finished, org: int, story: dict[str, Any]
) -> None:
    page = _explain(finished_company, org).require(0).out
    parts = ["1. Raw lines", "2. Org days", "3. Trial metrics", "4. Target attainment"]
    parts += ["5. Reasons", "6. Salesforce"]
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    assert page.startswith(f"Org {org}, ")
    attainment = story["target_attainment"]["mean"]
    assert f"mean is {attainment:.4f}; the mart holds {attainment:.4f}" in page
    assert story["salesforce"]["held"]["Id"] in page
    assert story["reasons"]["reasons_in_words"] in page


def test_a_refused_line_that_names_the_org_is_part_of_its_story(
    finished_company: Finished,
) -> None:
    told = _explain(finished_company, finished_company.refused_org, "--json")
    (reject,) = told.require(0).json["rejects"]
    assert reject["object_key"].endswith(REFUSED_OBJECT)
    assert reject["line_number"] == 1 and "sampled_at" in reject["reason"]
    page = _explain(finished_company, finished_company.refused_org).require(0).out
    assert "at noon" in page


def test_what_somebody_changed_in_salesforce_is_named(
    finished_company: Finished, org: int, story: dict[str, Any]
) -> None:
    held = story["salesforce"]["held"]
    with _changed(finished_company.project, held["Id"], hosts__c=held["hosts__c"] + 7):
        told = _explain(finished_company, org, "--json").require(0).json
        (difference,) = told["salesforce"]["differences"]
        assert difference.startswith("hosts__c is ")
        assert difference in _explain(finished_company, org).require(0).out


@contextmanager
def _changed(project: Project, record_id: str, **fields: object) -> Iterator[None]:
    """Let a record's fields hold other values for a while."""
    given = project.environment
    base = given["NIGHTSHIFT_SALESFORCE__INSTANCE_URL"]
    path = f"/services/data/v60.0/sobjects/{salesforce_records.OBJECT}/{record_id}"
    with requests.Session() as session:
        session.trust_env = False
        session.verify = given["REQUESTS_CA_BUNDLE"]
        reply = session.post(
            f"{base}/services/oauth2/token",
            data={
                "grant_type": "client_credentials",
                "client_id": given["NIGHTSHIFT_SALESFORCE__CLIENT_ID"],
                "client_secret": given["NIGHTSHIFT_SALESFORCE__CLIENT_SECRET"],
            },
            timeout=30,
        )
        token = reply.json()["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        before = session.get(base + path, timeout=30).json()
        session.patch(base + path, json=fields, timeout=30).raise_for_status()
        try:
            yield
        finally:
            old = {name: before[name] for name in fields}
            session.patch(base + path, json=old, timeout=30).raise_for_status()


def test_without_a_login_the_story_says_so_and_is_told(
    finished_company: Finished, org: int
) -> None:
    name = "NIGHTSHIFT_SALESFORCE__CLIENT_SECRET"
    told = _explain(finished_company, org, "--json", **{name: ""}).require(0).json
    assert told["salesforce"]["held"] is None
    assert name in told["salesforce"]["told"]
    assert told["salesforce"]["accepted"] and told["trial_metrics"]


def test_an_unreachable_salesforce_takes_nothing_but_its_part(
    finished_company: Finished, org: int
) -> None:
    nowhere = {
        f"NIGHTSHIFT_SALESFORCE__{name}": f"http://127.0.0.1:1{path}"
        for name, path in (
            ("INSTANCE_URL", ""),
            ("TOKEN_URL", "/services/oauth2/token"),
        )
    }
    told = _explain(finished_company, org, "--json", **nowhere).require(0).json
    assert told["salesforce"]["held"] is None
    assert "could not be asked" in told["salesforce"]["told"]


def test_an_org_out_of_its_window_has_a_story_too(finished_company: Finished) -> None:
    (internal,) = finished_company.project.rows(
        "select min(org_id) as org_id from marts.org_activity "
        "where metric_date = ? and is_internal",
        finished_company.data_date,
    )
    told = _explain(finished_company, internal["org_id"], "--json").require(0).json
    assert told["absence"] == "it is internal"
    assert told["trial_metrics"] is None and told["activity"]["is_internal"]
    page = _explain(finished_company, internal["org_id"]).require(0).out
    assert "no trial metrics" in page and "it is internal" in page


def test_an_unknown_org_is_an_argument_to_mend(finished_company: Finished) -> None:
    told = _explain(finished_company, 987654).require(3).err
    assert "987654" in told and "marts.org_activity" in told


def test_a_night_that_never_was_is_named_with_the_command(
    finished_company: Finished, org: int
) -> None:
    day = WORLD.first - timedelta(days=1)
    line = ("explain-org", org, "--date", day)
    told = finished_company.project.nightshift(*line).require(3).err
    assert f"nightshift run --date {day}" in told and str(WORLD.until) in told


def test_before_the_first_night_it_says_how_to_start(project: Project) -> None:
    told = project.nightshift("explain-org", "17", "--date", "2026-11-24").require(3)
    assert "nightshift run --date 2026-11-24" in told.err
    assert not project.warehouse.exists()


def _account(**changes: object) -> dict[str, Any]:
    return {
        "dt": date(2026, 11, 24),
        "is_internal": False,
        "trial_started_at": datetime(2026, 11, 20, 23, 59),
    } | changes


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"dt": date(2026, 11, 16)}, "the exports lack it since 2026-11-16"),
        ({"is_internal": True}, "it is internal"),
        ({"trial_started_at": None}, "it has no trial"),
        ({"trial_started_at": datetime(2026, 11, 25)}, "begins on 2026-11-25"),
        ({"trial_started_at": datetime(2026, 10, 12)}, "day 44 of its trial"),
        ({"trial_started_at": datetime(2026, 10, 13)}, "run the night again"),
        ({"dt": date(2026, 11, 17)}, "run the night again"),
    ],
)
def test_an_absence_has_its_reason(changes: dict[str, object], told: str) -> None:
    absence = explain.why_absent(_account(**changes), date(2026, 11, 24), VARIABLES)
    assert told in absence
